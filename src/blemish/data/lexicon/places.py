"""Words for where and when images were taken."""

from __future__ import annotations

from blemish.data.lexicon.languages import by_language

TIME_WORDS = by_language(
    en="""
        monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu
        thurs fri sat sun january february march april may june july august september
        october november december jan feb mar apr jun jul aug sep sept oct nov dec today
        yesterday morning noon afternoon evening night early late am pm
    """,
    de="""
        montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz
        maerz mai juni juli oktober dezember okt dez frühschicht fruehschicht spätschicht
        spaetschicht nachtschicht tagschicht
    """,
    fr="""
        lundi mardi mercredi jeudi vendredi samedi dimanche janvier février fevrier mars
        avril juin juillet août aout septembre octobre novembre décembre decembre
    """,
    es="""
        lunes martes miércoles miercoles jueves viernes sábado sabado domingo enero
        febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
    """,
    it="""
        lunedì lunedi martedì martedi mercoledì mercoledi giovedì giovedi venerdì venerdi
        sabato domenica gennaio febbraio aprile maggio giugno luglio settembre ottobre
        dicembre
    """,
    zh="早班 中班 白班 夜班 晚班 星期 周 年 月 日",
)
# These name a time only with a number or a letter beside them: `shift2`, `batch_A`.
COUNTED_TIME_WORDS = by_language(
    en="run shift batch lot day week cw wk month year quarter session hour date time",
    de="schicht charge los tag woche kw monat jahr stunde datum",
    fr="equipe",
    es="turno lote",
    it="lotto",
    zh="周 批次 班 第 号",
)
PLACE_WORDS = by_language(
    en="""
        cam camera sensor view front back rear top bottom left right upper lower middle
        inside outside inner outer north south east west vorn mitte brightfield darkfield
        backlight backlit coax coaxial uv ir nir
    """,
    de="""
        kamera vorne hinten oben unten links rechts innen außen aussen vorderseite
        rückseite rueckseite oberseite unterseite hellfeld dunkelfeld
    """,
    fr="caméra",
    es="cámara",
    it="telecamera",
    zh="相机 正面 反面 背面 侧面 顶部 底部 左 右 上 下 左侧 右侧",
)
# The same of places, and of parts that are counted.
COUNTED_PLACE_WORDS = by_language(
    en="""
        image img no line station side pos position lane track machine plant factory hall
        cell row col column zone area angle light exposure channel cavity tray slot part
        piece item unit sn serial num number id order article product sample board pcb
        wafer panel sheet coil roll exp gain us ms um mm operator recipe mode program
        config robot dome ring mag zoom band tool frame scan rev version v
    """,
    de="""
        linie seite spur maschine anlage werk halle zelle winkel licht kanal nest kavität
        kavitaet teil stück stueck seriennummer nr auftrag artikel produkt muster bediener
        rezept programm rolle werkzeug
    """,
    zh="号 工位 产线 线 机台 编号 样品 产品",
)

"""Words for good and for bad parts, for lack, and for images on which opinions differ."""

from __future__ import annotations

from blemish.data.lexicon.languages import by_language

GOOD_WORDS = by_language(
    en="""
        good ok okay pass passed normal regular healthy golden 0 defect-free defectfree
        non-defective nondefective not-defective no-defect no-defects nodefect nondefect
        anomaly-free undamaged intact acceptable conforming o.k. no-anomaly non-anomalous
        accept accepted faultless flawless nonng non-ng oks goods
    """,
    de="""
        fehlerfrei io i.o. gut gutteil gutteile in-ordnung ordnung einwandfrei freigegeben
    """,
    nl="goed",
    fr="conforme bon bons bonne bonnes conformes sain saine sains saines",
    es="bueno buenos buena buenas",
    it="buono buoni conformi buone buona",
    pt="aprovado aprovados aprovada aprovadas",
    pl="dobre dobry dobra",
    cs="bezvadné bezvadny bezvadný bezvadne",
    tr="sağlam",
    ru="годные годный годен",
    zh="ok品 良品 合格 合格品 正常 好 无缺陷",
    ja="良 正常品 キズなし 傷なし 異常なし 無欠陥 良い",
    ko="양품 정상",
)
BAD_WORDS = by_language(
    en="""
        ng n.g. nok not-ok ko bad fail failed defect defects defective faulty fault reject
        rejected rejects scrap anomaly anomalies anomalous abnormal 1 ngs noks
    """,
    de="nio n.i.o. schlecht schlechtteil schlechtteile ausschuss defekt fehler",
    fr="mauvais mauvaise mauvaises",
    es="malo malos mala malas",
    it="scarto scarti",
    pt="reprovado reprovados reprovada reprovadas",
    pl="złe zły",
    tr="hatali hatal\u0131",
    ru="брак",
    zh="不良品 不良 不合格 异常 次品",
    ja="不合格品 異常",
    ko="불량 불량품",
)
LACK = by_language(
    en="no without",
    de="keine kein ohne",
    fr="sans",
    es="sin",
)
NEGATIONS = LACK | by_language(
    en="non not false",
    de="nicht",
    fr="pas",
    pt="não",
    pl="nie",
    ru="не",
)
# Somebody has judged these images, and whether they are good is just the question.
JUDGED_WORDS = by_language(
    en="""
        overkill overkills underkill falsepositive falsepositives falsenegative
        falsenegatives falsecall falsecalls repaired rework reworked reworks borderline
        doubtful questionable ambiguous retest recheck quarantine
    """,
    de="""
        nacharbeit nachgearbeitet repariert grenzfall grenzfälle grenzfaelle grenzmuster
        unklar unklare zweifelhaft gesperrt
    """,
    fr="retouche retouché douteux",
    es="dudoso dudosos retrabajo",
    it="dubbio ritocco",
    zh="过杀 漏检 误判 误检 返工 返修 待定 待确认 疑似 可疑 限度样本",
)
# The same as whole names.
JUDGED_NAMES = by_language(
    en="""
        fp fps fn fns tp tn false-positive false-positives false-negative false-negatives
        false-call false-calls false-reject false-rejects false-accept false-accepts
        repair repairs limit limits limit-sample limit-samples master masters master-part
        master-parts master-sample master-samples edge-case edge-cases marginal escape
        escapes hold on-hold dummy dummies setup none nothing null na nan
    """,
    de="unbekannt keine nichts",
)

"""What defects are usually called."""

from __future__ import annotations

from blemish.data.lexicon.languages import by_language

USUAL = by_language(
    en="""
        scratch scratches scratched dent dents dented crack cracks cracked stain stains
        broken breakage missing contamination contaminated contaminant burr burrs bubble
        bubbles inclusion inclusions corrosion corroded rust rusty porosity pore pores
        blowhole blowholes pinhole pinholes pitting wrinkle wrinkles tear torn deformed
        deformation bent discoloration discolouration smudge smear dirt dirty scuff gouge
        fracture delamination peeling misaligned misalignment damaged damage flaw leak
        burnt debris underfill fray frayed blister blisters crazing pitted spalling warped
        warping chipping
    """,
    de="""
        kratzer delle dellen beule riss risse fleck flecken bruch gebrochen fehlend
        verschmutzung verunreinigung grat blase blasen lunker poren einschluss einschlüsse
        rost falte falten kerbe ausbruch verfärbung beschädigt beschädigung krater
        kratzspur kratzspuren abplatzung abplatzer druckstelle druckstellen schramme
        schrammen
    """,
    fr="""
        rayure rayures bosse fissure fissures tache taches cassé manquant bavure bulle
        bulles rouille pli
    """,
    es="""
        rayón rasguño arañazo abolladura grieta grietas mancha manchas rotura rebaba
        burbuja burbujas óxido
    """,
    it="""
        graffio graffi ammaccatura crepa macchia macchie rotto mancante bava bolla bolle
        ruggine
    """,
    pt="risco riscos arranhão trinca amassado",
    pl="rysa rysy pęknięcie wgniecenie",
    tr="çizik çatlak leke",
    ru="царапина царапины трещина вмятина",
    zh="""
        划痕 划伤 刮痕 凹坑 凹陷 压伤 裂纹 裂痕 污渍 脏污 污点 缺料 缺失
        毛刺 气泡 气孔 夹杂 锈蚀 生锈 褶皱 破损 变形 异物 崩边
    """,
    ja="""
        キズ きず 傷 欠け カケ 汚れ ヨゴレ 打痕 凹み へこみ 割れ
        クラック 異物 気泡 サビ 錆 シミ 変形 バリ
    """,
    ko="찍힘 스크래치 긁힘",
)
# Kinds of defects, and of parts as well: `chip_001.png` may be a good chip.
PARTS_AS_WELL = by_language(
    en="""
        color hole holes spot spots cut cuts chip chips chipped void voids fold folds glue
        print oil thread fibre fiber hair pit pits lump nick bump gap
    """,
    de="loch löcher",
    fr="trou",
    es="agujero",
    it="foro buco",
    zh="孔 孔洞 斑点",
)

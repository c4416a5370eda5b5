"""Words for masks and other labels of pixels, and for what a model found."""

from __future__ import annotations

from blemish.data.lexicon.languages import by_language

MASK_WORDS = by_language(
    en="mask masks gt truth seg segmentation segmentations annotation annotations",
    de="maske masken",
)
# Whole names of folders that hold masks, whatever is in them.
MASK_FOLDERS = by_language(
    en="""
        mask masks gt segmentation segmentations annotation annotations label mask-images
        ground-truth groundtruth labels segmentationclass
    """,
    zh="掩码 掩膜",
    ja="マスク マスク画像",
)
# Of which names of other such folders are made, `Labels_png`, with words that add nothing.
IN_MASK_NAMES = MASK_WORDS | by_language(
    en="""
        groundtruth labels gts truths segs segm anno annos annot labelmap labelmaps maps
    """,
    de="segmentierung",
    fr="masque masques",
    es="máscara máscaras mascara mascaras",
    it="maschere maschera",
    zh="掩码 掩膜 标注",
    ja="マスク",
)
FILE_TYPES = by_language(
    en="""
        images image img imgs raw folder rgb gray grey png jpg jpeg bmp tif tiff pngs npy
        gif bw file files
    """,
)
ADDING_NOTHING = FILE_TYPES | by_language(
    en="""
        ng bad defect defects anomaly anomalies train val test data all new color colour
        class label ground classes object binary bin pixel pixelwise wise level semantic
        instance instances colored final visualization map of for the
    """,
    de="fehler",
)
# What a model found, and whole names of folders of such.
PREDICTIONS = by_language(
    en="""
        prediction predictions pred preds predict predicted inference inferences autolabel
        autolabels autolabeled autolabelled pseudolabel pseudolabels
    """,
    de="vorhersage vorhersagen",
    fr="prédiction prédictions",
    es="predicciones",
    zh="预测",
    ja="予測",
)
PREDICTION_FOLDERS = by_language(
    en="results result runs detections",
    de="ergebnisse",
    ja="推論結果",
)
# With one of the others these are of a model: `auto_labels`, `yolo_output`.
BY_MACHINE = by_language(
    en="pseudo auto model",
)
LABELS = by_language(
    en="annotation annotations label labels labeled labelled annotated",
)
OUTPUTS = by_language(
    en="output outputs out",
    de="ausgabe ausgaben",
    fr="sortie",
    zh="输出",
)
MODELS = by_language(
    en="""
        model net network detector detectron ai rcnn unet detr sam yolo yolov anomalib
        patchcore
    """,
    de="modell ki",
)

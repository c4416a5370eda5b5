"""Words for pictures, for what is put aside, and those that say nothing of what images are."""

from __future__ import annotations

from blemish.data.lexicon.languages import by_language
from blemish.data.lexicon.splits import SPLIT_WORDS

PICTURES = by_language(
    en="images image img imgs pictures photos",
)
# Of a folder of images, whatever they show.
IMAGE_WORDS = PICTURES | by_language(
    en="""
        data set raw dataset all new old checked copy archive samples examples folder
        clean perfect part product sample picture pics photo rgb mono gray grey color
        colour png jpg jpeg bmp tif tiff jpegimages original originals orig frames crops
        cropped patches parts pieces products more
    """,
    de="bilder kopie ordner alt neu fotos foto bild teile",
    zh="样品 图片 图像 样本",
)
# With a word for good or bad these are parts all the same: `good_parts`, `NG images`.
OF_PARTS = PICTURES | by_language(
    en="samples part product sample pics parts pieces products surface class label",
    de="bilder teil teile",
)
# Nobody gives a folder of the images of a class such a name: put aside, or drawn.
ASIDE_WORDS = by_language(
    en="""
        unknown unsorted unlabeled unlabelled uncertain unclear unsure todo tbd review
        unchecked backup trash misc thumb thumbs thumbnail thumbnails preview previews
        overlay overlays heatmap heatmaps screenshot screenshots prediction predictions
        suspect alarm alarms
    """,
    de="auswertung unsicher sonstiges",
    zh="其他 其它 未分类",
    ja="その他 未分類 保留 要確認 グレー",
)
# Words that say nothing of what images are, though many a folder is called so.
NEUTRAL_WORDS = (
    ASIDE_WORDS
    | PICTURES
    | SPLIT_WORDS.keys()
    | by_language(
        en="""
        data raw dataset all new old other others checked copy archive tmp temp results
        result output outputs export calib calibration reference background samples
        examples folder pseudo clean perfect baseline
    """,
        de="""
        kopie referenz ordner pseudofehler alt neu kalibrierung einrichtteile testbilder
        stichprobe stichproben produktion sauber
    """,
    )
)
# Those that say nothing alone, though with another word they may: `dark_spot`.
NEUTRAL_NAMES = by_language(
    en="serie series run runs verify dark empty g p ref",
    de="leer",
)
# Below a folder of bad parts: how they, or others, looked at some time.
AT_ANOTHER_TIME = by_language(
    en="reference pseudo baseline ref references before after cleaned verified",
    de="referenz pseudofehler referenzen vorher nachher gereinigt",
)

"""Words for the parts of a data set."""

from __future__ import annotations

from blemish.data.lexicon.languages import by_language
from blemish.data.split import Split

TRAIN = by_language(
    en="train training trainset trainingset",
    de="trainingsdaten trainingsbilder",
    fr="entrainement entraînement apprentissage",
    es="entrenamiento",
    it="addestramento",
    pt="treino treinamento",
    ru="обучение",
    zh="训练 训练集 训练数据",
    ja="訓練 訓練データ 学習 学習用 学習データ",
    ko="학습 훈련",
)
VALIDATION = by_language(
    en="val valid validation dev valset",
    de="validierung validierungsdaten",
    es="validación validacion",
    it="validazione",
    pt="validação",
    ru="валидация",
    zh="验证 验证集 检验集",
    ja="検証 検証用 検証データ",
    ko="검증",
)
TEST = by_language(
    en="test testing testset",
    de="testdaten",
    es="prueba pruebas",
    pt="teste testes",
    ru="тест",
    zh="测试 测试集 测试数据",
    ja="テスト テスト用 テストデータ",
    ko="테스트",
)
_BASES: dict[str, Split] = {
    "train": "train", "training": "train", "val": "validation", "validation": "validation",
    "test": "test",
}  # fmt: skip
SPLIT_WORDS: dict[str, Split] = {
    **dict.fromkeys(sorted(TRAIN), "train"),
    **dict.fromkeys(sorted(VALIDATION), "validation"),
    **dict.fromkeys(sorted(TEST), "test"),
    **{
        f"{word}-{of}": split
        for word, split in _BASES.items()
        for of in ("data", "set", "images", "daten", "bilder")
    },
}

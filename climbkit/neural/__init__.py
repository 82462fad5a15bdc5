"""Neural networks as scikit-learn estimators; keras is imported when one is fitted or loaded."""

from climbkit.neural._architectures import ARCHITECTURES
from climbkit.neural._cnn import CNNClassifier

__all__ = ["ARCHITECTURES", "CNNClassifier"]

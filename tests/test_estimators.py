"""scikit-learn's own checks over every public estimator, from one list."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from climbkit import CLiMB, KBound

ESTIMATORS = [
    KBound(),
    KBound(density_threshold=0.01, metric="mahalanobis", init="random", random_state=0),
    CLiMB(),
]

# Reasons why a check cannot hold; every other check must.
EXPECTED_FAILURES = {}


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_scikit_learn_check(estimator, check):
    check(estimator)

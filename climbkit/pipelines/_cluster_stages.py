"""How a cluster search goes from stage to stage."""

import warnings

import numpy as np
from sklearn.base import clone

from climbkit.pipelines._cluster_defaults import (
    classifier_lacks,
    default_stage,
    possible_cuts,
    with_errors,
)
from climbkit.pipelines._cluster_evidence import (
    describe_members,
    members_only,
    without_duplicates,
    without_faint,
)
from climbkit.pipelines._cluster_tables import over
from climbkit.pipelines._cluster_testing import CandidateTest, disentangle
from climbkit.survey._candidates import CandidateSet
from climbkit.survey._widening import CandidateWidening

# p-value that few draws can tell at all.
_FLOOR = 0.05
# Iterations of the mixtures of candidates that have not been tested.
_FIRST_LOOK = 30


class SearchRun:
    """One search: the stages one after the other, and what each of them left.

    Parameters
    ----------
    search : ClusterSearch
        Whose stages to run, with valid parameters.
    bar : tqdm
        Counts the stages.

    Attributes
    ----------
    stages : dict of str to estimator
        The fitted stages.
    notes : list of str
        What was done without.
    """

    def __init__(self, search, bar):
        self.search, self._bar = search, bar
        self.notes, self.stages, self._errorless = [], {}, False

    def run(self, table, units):
        """Search a table of stars.

        Parameters
        ----------
        table : DataFrame of shape (n_stars, n_columns)
            Stars.
        units : dict of str to str
            Units of its columns.

        Returns
        -------
        candidates : CandidateSet
            What was looked at, with the column ``rejected_by``.
        kept : CandidateSet
            What is reported, with all stars that membership was told for.
        """
        work = self._errors(table)
        mask = self._mask(table)
        search = self._stage("tiledhdbscan")
        found = search.fit_transform(work, mask=mask)
        self._done("tiledhdbscan", search)
        for name in ("preselection", "merger"):
            found = self._run(name, found)
        found, rejected = self._tested(found, mask)
        found = self._classified(found)
        beyond = self._beyond(found)
        self._done("selection", self._stage("selection"))
        found = found.annotate(rejected_by=beyond.astype(str))
        kept = found[beyond == ""]
        found = found if len(rejected) == 0 else CandidateSet.concat([found, rejected])
        structure = self._stage("structure")
        if structure is not None and not self._errorless:
            kept = structure.fit_transform(kept, mask=mask)
        self._done("structure", structure)
        kept = self._run("crossmatch", kept)
        return over(found, table, units), over(kept, table, units)

    def _mask(self, table):
        """Which stars take part."""
        quality = self._stage("quality")
        mask = np.ones(len(table), dtype=bool)
        if quality is not None:
            if self.search.quality is None:
                quality, left_out = possible_cuts(quality, table)
                if left_out:
                    self.notes.append(f"quality cuts without columns: {', '.join(left_out)}.")
            mask = quality.fit(table).mask(table)
        self._done("quality", quality)
        return mask

    def _classified(self, found):
        """Candidates with the probability that their diagram is a cluster's."""
        classifier = self._stage("classifier")
        if classifier is not None and self.search.classifier is None:
            lacking = classifier_lacks(found.stars)
            if lacking:
                self.notes.append(f"p_class left out: {lacking}.")
                classifier = None
        if classifier is not None and len(found):
            table = classifier.fit_transform(members_only(found)).table
            new = [name for name in table if name not in found.table]
            found = found.annotate(**{name: table[name].to_numpy() for name in new})
        self._done("classifier", classifier)
        return found

    def _tested(self, found, mask):
        """Candidates that are significant, with their members; and those that are not."""
        widening, membership = self._stage("widening"), self._stage("membership")
        if self._errorless:
            membership = membership.set_params(model="published")
        test, tester = self._stage("significance"), None
        if test is not None:
            radius = getattr(widening, "max_radius", CandidateWidening().max_radius)
            tester = CandidateTest(test, mask, radius)
        rejected = []

        def look(found, screening=False):
            found = without_duplicates(describe_members(found))
            if tester is not None:
                found = found.annotate(p_cst=np.nan)
                found = tester.annotate(found, self._beyond(found) == "", screening=screening)
            beyond = self._beyond(found, _FLOOR if screening else None)
            rejected.append(found.annotate(rejected_by=beyond.astype(str))[beyond != ""])
            return found[beyond == ""]

        found = look(self._members(found, mask, widening, _quick(membership)), True)
        if widening is not None:
            for _ in range(self.search.n_refinements):
                found = self._members(found, mask, widening, membership)
        found = look(found)
        kept = disentangle(found, tester, self._limit())
        rejected.append(found.annotate(rejected_by="part of another")[~kept])
        self._done("widening", widening)
        self._done("membership", membership)
        self._done("significance", test)
        rejected = [one for one in rejected if len(one)]
        # Only now: to the tests, members must be members and field must be field.
        found = describe_members(without_faint(found[kept], self._estimated))
        return found, CandidateSet.concat(rejected) if rejected else found[:0]

    @staticmethod
    def _members(found, mask, widening, membership):
        """Candidates with membership probabilities."""
        if widening is None:
            return membership.fit_transform(found)
        found = widening.fit_transform(found, mask=mask)
        return membership.fit_transform(found, core=widening.core_)

    def _limit(self):
        limit = getattr(self._stage("selection"), "max_p_cst", None)
        return 1.0 if limit is None else limit

    def _beyond(self, found, floor=None):
        """Why each candidate is not reported, as far as its columns tell; empty where it is."""
        selection = self._stage("selection")
        if selection is None:
            return np.full(len(found), "", dtype=object)
        if floor is not None and selection.max_p_cst is not None:
            selection.set_params(max_p_cst=max(floor, selection.max_p_cst))
        return selection.fit(found).reasons_

    def _errors(self, table):
        work, added = with_errors(table)
        self._estimated = None
        if added and "parallax_error" in added:
            limit = self.search.max_estimated_error
            if limit is not None:
                self._estimated = work["parallax_error"].to_numpy() > limit
        if added is None:
            note = (
                "stars have neither errors nor phot_g_mean_mag, by which these could be told; "
                'membership is that of the "published" model, which takes none.'
            )
        elif added:
            note = (
                f"stars lack the columns {', '.join(added)}; membership takes the errors that Gaia "
                "DR3 has at their magnitude."
            )
        else:
            return work
        self._errorless = added is None
        self.notes.append(note)
        warnings.warn(note, UserWarning, stacklevel=5)
        return work

    def _stage(self, name):
        """A stage that has not been fitted, None where it is left out."""
        given = getattr(self.search, name)
        if isinstance(given, str):
            return None
        stage = default_stage(name) if given is None else clone(given)
        if self.search.n_jobs is not None and getattr(stage, "n_jobs", 0) is None:
            stage.set_params(n_jobs=self.search.n_jobs)
        return stage

    def _run(self, name, found):
        stage = self._stage(name)
        if stage is not None:
            found = stage.fit_transform(found)
        self._done(name, stage)
        return found

    def _done(self, name, stage):
        if stage is not None:
            self.stages[name] = stage
        self._bar.set_postfix_str(name)
        self._bar.update()


def _quick(membership):
    """The same membership, for a first look: what it finds is to be refined."""
    quick = clone(membership)
    if hasattr(quick, "max_iter"):
        quick.set_params(max_iter=min(quick.max_iter, _FIRST_LOOK))
    return quick

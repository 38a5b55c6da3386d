"""Runs of the attack lab against clients inside the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from postseal.audit.findings import Finding, Outcome
from postseal.audit.lab.case import Case
from postseal.audit.lab.clients import Client
from postseal.audit.lab.run import Lab, LabOptions
from postseal.audit.lab.verdicts import Verdict

__all__ = ["attack", "attack_in", "harms"]


async def attack(
    client: Client, cases: Sequence[Case], options: LabOptions, directory: Path
) -> dict[str, Finding]:
    """Run the cases of the mode, and give what was found by the id of the case.

    Fails where the client does not deliver to the honest control.
    """
    return await attack_in(Lab(client, directory, options), cases)


async def attack_in(lab: Lab, cases: Sequence[Case]) -> dict[str, Finding]:
    """Do the same in a lab that is there."""
    control, *findings = await lab.run(cases)
    assert control.outcome is Outcome.PASSED, (control.message, control.evidence)
    ran = [case.id for case in cases if lab.options.mode in case.modes]
    return dict(zip(ran, findings, strict=True))


def harms(found: Mapping[str, Finding]) -> dict[str, Verdict]:
    """The verdicts on all cases that were run, but for those in which the client was safe."""
    verdicts = {
        id_: Verdict(finding.verdict)
        for id_, finding in found.items()
        if finding.outcome is not Outcome.NOT_COVERED
    }
    return {id_: verdict for id_, verdict in verdicts.items() if verdict is not Verdict.SAFE}

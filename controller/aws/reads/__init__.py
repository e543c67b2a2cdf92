"""The reads of one pass: wide, shallow, each made once.

Kinds run side by side and ask for the same things (every kind of the load balancer wants its tags). `Reads` makes
each call once, for the whole stack, batched to AWS's page limits, and hands everybody the answer. Chains stay at most
four calls deep (load balancer, listeners, rules, tags) however large the stack; nothing grows with the account:
EC2 and Auto Scaling are asked by owner tag, everything else by deterministic name and by what carries our tag.

Answers are AWS's own dictionaries: they go straight into a kind's ``parse_*``, nowhere else. Callers must not
change them.
"""

from __future__ import annotations

from controller.aws.reads.codedeploy import CodeDeployReads
from controller.aws.reads.ec2 import VERSION_MARK, Ec2Reads
from controller.aws.reads.ecs import DESCRIBE_TASKS_MAX
from controller.aws.reads.elbv2 import ElbReads, label_of
from controller.aws.reads.groups import LATELY, GroupReads
from controller.aws.reads.named import NamedReads
from controller.aws.reads.ours import apart, keyed, live_name_of

__all__ = ["DESCRIBE_TASKS_MAX", "LATELY", "VERSION_MARK", "Reads", "apart", "keyed", "label_of", "live_name_of"]


class Reads(Ec2Reads, GroupReads, CodeDeployReads, ElbReads, NamedReads):
    """One pass's view of AWS. Make a new one for every pass."""

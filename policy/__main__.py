"""The policy pack: its rules, and what a configuration may change. docs/ci.md explains both."""

from collections.abc import Callable, Iterator

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

import rollout_rules as rules

PRODUCTION = {
    "type": "array",
    "items": {"type": "string"},
    "default": ["prod*", "*-prod", "*-production"],
}


def policy(
    name: str, description: str, rule: Callable[..., Iterator[str]], **percentages: int
) -> ResourceValidationPolicy:
    """Return the policy that applies a rule with these limits to rollouts on production stacks."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        config = args.get_config()
        if args.resource_type == rules.ROLLOUT and rules.belongs(args.urn, config["stacks"]):
            for problem in rule(args.props, **{limit: config[limit] for limit in percentages}):
                report_violation(problem)

    limits = {
        limit: {"type": "integer", "minimum": 0, "maximum": 100, "default": percentage}
        for limit, percentage in percentages.items()
    }
    schema = PolicyConfigSchema(properties={"stacks": PRODUCTION, **limits})
    return ResourceValidationPolicy(name, description, validate, config_schema=schema)


PolicyPack(
    "kata-deploy",
    [
        policy("canary-first", "A rollout begins with a canary of each kind.", rules.canary_first),
        policy(
            "bounded",
            "Few nodes are in work at a time, and few may fail.",
            rules.bounded,
            parallelism=10,
            failures=2,
        ),
        policy("by-digest", "Nodes run images that no registry can replace.", rules.by_digest),
    ],
    enforcement_level=EnforcementLevel.MANDATORY,
)

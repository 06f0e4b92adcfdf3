"""The report of a rollout, for people and for monitoring, made from the data in rollout.json."""

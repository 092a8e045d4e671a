"""What `avatar bench run` can measure: each scenario is an entry of the registry and a module with `run`."""

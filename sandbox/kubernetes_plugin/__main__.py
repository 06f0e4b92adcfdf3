"""`python -m sandbox.kubernetes_plugin <engine-address>`, as the engine starts plugins."""

from sandbox.kubernetes_plugin.server import main

main()

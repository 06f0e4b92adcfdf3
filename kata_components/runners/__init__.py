"""Who starts the Jobs of a plan, this process or upstream's dispatcher, under which lock."""

"""Whether a line still makes what the model learned from: drift, with a bound on false alarms."""

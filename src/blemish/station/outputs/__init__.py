"""Where verdicts go: machines that want the newest, and others that want every one of them."""

"""Models as a service: HTTP, who may do what, and what a request may cost."""

//! A loopback Kubernetes API that holds what charms patch.

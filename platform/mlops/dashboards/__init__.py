"""What people look at: Grafana's dashboards, and what a hospital's own Prometheus needs to feed them."""

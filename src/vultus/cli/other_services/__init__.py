"""Galleries of other services, as `vultus import --from` reads them."""

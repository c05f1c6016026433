"""The five stages, one file each, in the order of the flow."""

"""The OriginSeal library: knows no HTTP. See docs/architecture.md for the layers."""

__version__ = "0.1.0"

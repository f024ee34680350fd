"""What has a Python class of another library: JAX's trees and functions, Flax's modules."""

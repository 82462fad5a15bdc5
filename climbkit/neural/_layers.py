"""Layers that Keras does not have. Importing this module imports keras, and registers them."""

from climbkit.neural._backend import import_keras

keras = import_keras()

# Part of every saved network, so never to be changed.
PACKAGE = "climbkit"


@keras.saving.register_keras_serializable(package=PACKAGE)
class LearnedScale(keras.layers.Layer):
    """Multiply by one number that is learned and starts at 0.

    A branch that is added to what it started from is then switched off until training finds a use
    for it.
    """

    def build(self, input_shape):
        """Make the one weight."""
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, inputs):
        """Return the inputs times the weight."""
        return inputs * keras.ops.cast(self.scale, inputs.dtype)

    def compute_output_shape(self, input_shape):
        """Return the shape of the inputs."""
        return input_shape

"""The classes of Keras that a model file may name: layers and operations that compute with arrays.

Classes that read other files, hold code, or run another library's networks (Lambda, TFSMLayer,
TorchModuleWrapper, FlaxLayer, StringLookup, ...) are not here, nor is what a later Keras adds.
"""

from __future__ import annotations

_MODELS = "Functional Model Sequential"
_POLICIES = """
    DTypePolicy DTypePolicyMap FloatDTypePolicy Int4DTypePolicy Policy QuantizedDTypePolicy
    QuantizedFloat8DTypePolicy"""
_PLAIN = """
    TensorShape __bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__"""
_LAYERS = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate Dense Discretization
    Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise
    GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization
    LeakyReLU Masking Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute
    RMSNormalization RNN RandomBrightness RandomColorJitter RandomContrast RandomCrop RandomErasing
    RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomRotation
    RandomSaturation RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector
    Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SeparableConvolution1D
    SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax SpectralNormalization StackedRNNCells
    Subtract TimeDistributed UnitNormalization"""
_LAYERS_ND = """
    AdaptiveAveragePooling AdaptiveMaxPooling AveragePooling AvgPool Conv ConvLSTM Convolution
    Cropping DepthwiseConv GlobalAveragePooling GlobalAvgPool GlobalMaxPool GlobalMaxPooling MaxPool
    MaxPooling SpatialDropout UpSampling ZeroPadding"""
_PARTS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform IdentityInitializer LecunNormal
    LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal
    VarianceScaling Zeros MaxNorm MinMaxNorm NonNeg UnitNorm L1 L1L2 L2 OrthogonalRegularizer"""
_OPERATIONS = """
    Abs Absolute All Amax Amin Any Arctan Arctan2 Argmax Argmin Argsort AveragePool BatchNorm
    BroadcastTo Cast Ceil Celu Clip Conv ConvTranspose ConvertToTensor Copy Cos CropImages Cumsum
    DepthToSpace DepthwiseConv Divide DotProductAttention Einsum Elu Equal Erf Exp ExpandDims
    ExtractPatches Flip Floor FloorDivide FullLike Gelu GetItem Glu Greater GreaterEqual HardSigmoid
    HardSilu HardTanh LayerNorm LeakyRelu Less LessEqual Log Log1p LogSigmoid LogSoftmax LogicalAnd
    LogicalNot LogicalOr Logsumexp Matmul Max Mean Meshgrid Min Mod Moments Moveaxis NanToNum
    Negative Norm Normalize NotEqual OneHot OnesLike Pad PadImages Power Prod RGBToGrayscale RMSNorm
    Ravel Reciprocal Relu Relu6 Repeat Resize Roll Round Rsqrt SaturateCast Scatter ScatterUpdate
    Selu SeparableConv Sigmoid Sign Silu Sin Slice SliceUpdate Softplus Softsign SpaceToDepth Split
    Sqrt Square Squeeze Stack Std StopGradient Sum Swapaxes Take TakeAlongAxis Tanh Tile TopK
    Transpose TrueDivide Unstack Var Where ZerosLike"""

MODELS = frozenset(_MODELS.split())
ALLOWED = (
    MODELS.union(*(names.split() for names in (_POLICIES, _PLAIN, _LAYERS, _PARTS, _OPERATIONS)))
    | {f"{name}{n}D" for name in _LAYERS_ND.split() for n in (1, 2, 3)}
    | {f"{name}{n}DTranspose" for name in ("Conv", "Convolution") for n in (1, 2, 3)}
)
"""By the name of the class."""

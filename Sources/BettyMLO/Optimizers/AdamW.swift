// AdamW (Loshchilov and Hutter, ICLR 2019, algorithm 2), with PyTorch's options: weight decay shrinks the
// parameters, whatever their gradient.

enum AdamW: AdamRule {
  static let name = "AdamW"
  static let hyperparameters = adamHyperparameters(weightDecay: 1e-2)
  static let isDecoupled = true
}

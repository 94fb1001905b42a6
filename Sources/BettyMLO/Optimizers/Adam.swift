// Adam (Kingma and Ba, ICLR 2015, algorithm 1), with PyTorch's options: weight decay is part of the
// gradient.

enum Adam: AdamRule {
  static let name = "Adam"
  static let hyperparameters = adamHyperparameters(weightDecay: 0)
  static let isDecoupled = false
}

"""The Meta-Weight-Net bilevel problem over any classifier, shared by several programs."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from betty.configs import Config, EngineConfig
from betty.problems import ImplicitProblem
from common import PRECISION, REPLICAS, Timed, lower_loss, seeded


class Reweight(ImplicitProblem):
    def training_step(self, batch):
        *inputs, labels = batch
        return F.cross_entropy(self.classifier(*inputs), labels)


class Classifier(ImplicitProblem):
    def training_step(self, batch):
        *inputs, labels = batch
        column = F.cross_entropy(self.module(*inputs), labels, reduction="none").reshape(-1, 1)
        return torch.mean(self.reweight(column.detach()) * column)


def run(clock, net, optimizer, train, valid, **method):
    weight_net = seeded(
        nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid()), 2
    )
    reweight = Reweight(
        "reweight",
        Config(precision=PRECISION),
        weight_net,
        torch.optim.Adam(weight_net.parameters(), lr=1e-5),
        train_data_loader=valid,
    )
    classifier = Classifier(
        "classifier",
        Config(unroll_steps=1, precision=PRECISION, **method),
        net,
        optimizer,
        train_data_loader=train,
    )
    engine = Timed(
        problems=[reweight, classifier],
        config=EngineConfig(train_iters=clock.iters, **REPLICAS),
        dependencies={"u2l": {reweight: [classifier]}, "l2u": {classifier: [reweight]}},
    )
    engine.clock = clock
    clock.trace(upper=weight_net, lower=net)
    engine.run()
    clock.report(lower_loss(classifier, train, clock))

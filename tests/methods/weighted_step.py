"""Make a training step of mocov2plus with all kinds of weights, and print what it computed.

usage: python -m tests.methods.weighted_step
"""

import json

from leoclr_plugin.host import host
from tests.methods.test_weights import KINDS, build, make_batch

if __name__ == "__main__":
    model = build("mocov2plus", kinds=KINDS, self_paced={"age": 0.8})
    loss = model.training_step(make_batch(views=3), 0)
    loss.backward()
    norms = {
        name: parameter.grad.norm().item()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    print(json.dumps([host().name, loss.item(), norms, model.queue.double().sum().item()]))

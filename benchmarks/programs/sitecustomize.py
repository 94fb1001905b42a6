"""Only for the reference (REFERENCE=1): two mends that let it run on today's PyTorch and in bf16
on a CPU.
"""

import os

if os.environ.get("REFERENCE"):
    import torch

    kept = torch.optim.AdamW.__init__

    def without_new_flag(self, params, *args, decoupled_weight_decay=None, **kwargs):
        kept(self, params, *args, **kwargs)

    torch.optim.AdamW.__init__ = without_new_flag

    if os.environ.get("PRECISION") == "bf16":
        from betty.problems.problem import Problem

        def on_the_cpu(self, batch):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.precision == "bf16"):
                return self.training_step(batch)

        Problem.training_step_exec = (
            on_the_cpu  # the original enters torch.cuda.amp.autocast, which does nothing here
        )

"""Replay: a step is run, what it asks of NumPy is written down, and from then on that list is run instead.

A framework that decides everything while it runs pays for it in each step: tensors, nodes, a heap, checks.
In training all of that comes out the same each time; only the numbers are others. So `Replay` runs a step
with arrays that write down what is done with them (`recording`), makes of it a list of calls with a place for
every result (`passes`), and of the list a Python function (`program`): no tensor, no graph, no new memory.

A list can only repeat. Whatever might have come out otherwise has to be refused, and three things see to it:

* **Numbers don't leave.** An array that is being recorded knows its shape, but won't tell its numbers to
  Python: no `if`, no `item` and no `print` can depend on them.
* **Two runs must agree.** A step is recorded whenever it is called, until two recordings in a row are the
  same, calls and constants alike. What changes from call to call without being an argument (a counter, a
  random draw, the next batch) would be a constant that differs.
* **What was there must be there.** Before each replay: arguments of the same shapes, parameters in the same
  arrays, gradients that nobody has touched, optimizers with the same settings.
"""

from deeplearning_framework.replay.replay import Replay

__all__ = ["Replay"]

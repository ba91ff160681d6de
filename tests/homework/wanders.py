"""A tensor that prints, changes folders, global settings and the random state, and leaves a thread behind."""

import os
import random
import sys
import threading
import time
import warnings

import numpy as np

import deeplearning_framework as whole

np.seterr(all="raise")
sys.stdout.write("hello\n")


class Tensor(whole.Tensor):
    """The reference's, with side effects in one op."""

    __slots__ = ()

    def exp(self) -> whole.Tensor:
        """Answer right, and leave a mess."""
        os.chdir("/")
        os.closerange(3, 64)
        random.seed(0)
        np.random.seed(0)
        warnings.simplefilter("error")
        threading.Thread(target=time.sleep, args=(3600,)).start()
        sys.stdout = None
        return super().exp()

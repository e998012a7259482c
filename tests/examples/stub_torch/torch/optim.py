"""SGD of one weight."""


class SGD:
    def __init__(self, parameters, lr, momentum):
        self.weights = list(parameters)
        self.param_groups = [{'lr': lr, 'momentum': momentum}]
        self.velocity = 0.0

    def zero_grad(self):
        for weight in self.weights:
            weight.gradient = 0.0

    def step(self):
        group = self.param_groups[0]
        for weight in self.weights:
            self.velocity = group['momentum'] * self.velocity + weight.gradient
            weight.value += group['lr'] * self.velocity

    def state_dict(self):
        return {'velocity': self.velocity, 'param_groups': self.param_groups}

    def load_state_dict(self, state):
        self.velocity, self.param_groups = state['velocity'], state['param_groups']

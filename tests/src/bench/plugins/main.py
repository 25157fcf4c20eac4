from core_runtime import Plugin, on, run, service


class Bench(Plugin):
    @on("bench.event")
    def heard(self, event):
        pass

    @service(".echo")
    def echo(self, value):
        return value


if __name__ == "__main__":
    run(Bench)

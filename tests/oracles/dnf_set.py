"""What dnf would install into an empty root: a test's oracle.

Arguments: repositories as ID=DIRECTORY, in order. Standard input: one request a line, as JSON
{"install": [...], "exclude": [...]}. Standard output: one line a request, as JSON: a sorted
list of name-epoch:version-release.arch and repository, or {"error": "..."}.
"""
import json
import sys
import tempfile

import dnf


def base(root, repositories, exclude):
    base = dnf.Base()
    conf = base.conf
    conf.installroot = root
    conf.cachedir = root + "/cache"
    conf.persistdir = root + "/persist"
    conf.logdir = root
    conf.reposdir = []
    conf.install_weak_deps = False
    conf.best = True
    conf.gpgcheck = False
    conf.plugins = False
    conf.excludepkgs = exclude
    conf.substitutions["arch"] = conf.substitutions["basearch"] = "x86_64"
    conf.substitutions["releasever"] = "7"
    for identity, directory in repositories:
        base.repos.add_new_repo(identity, conf, baseurl=["file://" + directory])
    base.fill_sack(load_system_repo=False)
    base.read_comps(arch_filter=True)
    return base


def answer(repositories, request):
    with tempfile.TemporaryDirectory() as root:
        with base(root, repositories, request["exclude"]) as solver:
            try:
                # dnf has one mark for groups and environments.
                words = [w.replace("@^", "@") for w in request["install"]]
                solver.install_specs(words)
                solver.resolve()
            except Exception as error:  # every failure is an answer
                return {"error": str(error)}
            return sorted(
                "%s-%d:%s-%s.%s %s" % (p.name, p.epoch, p.version, p.release, p.arch, p.reponame)
                for p in solver.transaction.install_set
            )


def main():
    repositories = [word.split("=", 1) for word in sys.argv[1:]]
    for line in sys.stdin:
        print(json.dumps(answer(repositories, json.loads(line))))


main()

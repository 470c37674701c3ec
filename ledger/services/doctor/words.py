"""What `originseal doctor` asks and what to do about each answer, in Chinese and English. One entry per check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """A check's question and the next step when it does not come out well."""

    zh: str
    en: str
    next_zh: str
    next_en: str


CHECKS: dict[str, Words] = {
    "python": Words(
        "Python 版本", "Python version",
        "安装 Python 3.11 或更新版本，删除 .venv 后重新 `make demo`",
        "install Python 3.11 or newer, remove .venv and run `make demo` again",
    ),
    "openssl": Words(
        "OpenSSL 与国密算法自检", "OpenSSL and the self-test of SM2, SM3, SM4",
        "使用链接了含 SM2/SM3/SM4 的 OpenSSL 3 的 Python（Debian、Ubuntu、openEuler 自带）",
        "use a Python linked against OpenSSL 3 built with SM2, SM3 and SM4 (Debian's, Ubuntu's, openEuler's)",
    ),
    "sqlite": Words(
        "SQLite 版本", "SQLite version",
        "使用 SQLite 3.37 或更新版本", "use SQLite 3.37 or newer",
    ),
    "packages": Words(
        "依赖包与锁定版本一致", "installed packages are the locked ones",
        "在代码目录重新运行 `make venv`", "run `make venv` in the source folder again",
    ),
    "open-files": Words(
        "打开文件数上限", "limit of open files",
        "把服务的 LimitNOFILE（ulimit -n）提高到 4096 以上",
        "raise the service's LimitNOFILE (ulimit -n) above 4096",
    ),
    "folder": Words(
        "数据目录", "the data folder",
        "核对 --data；新建用 `originseal demo --data DIR`，恢复用 `originseal restore`",
        "check --data; make one with `originseal demo --data DIR`, or restore one with `originseal restore`",
    ),
    "config": Words(
        "config.json 可读且完整", "config.json can be read and is complete",
        "从备份取回 config.json；它不含秘密，也不会自行变化",
        "take config.json back from a backup; it holds no secret and never changes by itself",
    ),
    "anchors": Words(
        "anchors.json 可读且与配置一致", "anchors.json can be read and agrees with the configuration",
        "从备份或副本取回 anchors.json，并与监管机构持有的一份核对",
        "take anchors.json back from a backup or a replica, and compare it with a copy that an agency holds",
    ),
    "permissions": Words(
        "目录与密钥权限", "permissions of the folder and of keys",
        "chmod 700 keys；chmod 600 keys/*。其他用户读过的密钥应视为已泄露",
        "chmod 700 keys; chmod 600 keys/*. Treat keys that other users could read as known to them",
    ),
    "keys": Words(
        "运营方密钥可打开", "the operator's keys open",
        "设置 ORIGINSEAL_PASSPHRASE；密钥文件缺失或损坏时从备份取回 keys/",
        "set ORIGINSEAL_PASSPHRASE; take keys/ back from a backup where files are missing or damaged",
    ),
    "checkpoint-key": Words(
        "检查点密钥在信任锚中", "the checkpoint key is an anchored one",
        "不要启动服务：别人会拒绝它的检查点。从备份取回 keys/checkpoint.pem 或 anchors.json",
        "do not serve: others would refuse its checkpoints. Take checkpoint.pem or anchors.json back from a backup",
    ),
    "disk": Words(
        "磁盘空间", "disk space",
        "腾出空间或扩容；满盘时拒绝新提交，但不会损坏数据",
        "free space or add some; on a full disk submissions are refused, data are not damaged",
    ),
    "writer": Words(
        "是否有进程正在写入", "whether a process is writing",
        "需要独占时（恢复、补链）先停止该服务", "stop that server before work that needs the folder for itself",
    ),
    "chain": Words(
        "链可打开，末尾区块完好", "the chain opens and its newest blocks hold",
        "停止服务，保留现场，运行 `originseal audit`；从备份恢复并由副本补齐",
        "stop serving, keep the files as they are, run `originseal audit`; restore a backup, catch up from a replica",
    ),
    "engine": Words(
        "区块链引擎可达且是本链", "the chain engine answers and runs this chain",
        "检查 config.json 的 engine.urls 与节点日志", "check engine.urls in config.json and the node's log",
    ),
    "contracts": Words(
        "合约代码与本版本一致", "the contracts' code is this release's",
        "使用部署合约时的版本，或核对是否打开了另一条链",
        "use the release that the contracts were deployed with, or check whether this is another chain",
    ),
    "clock": Words(
        "时钟", "the clock",
        "启动时间同步（chrony/ntp）；链上时间不会倒退",
        "start time synchronisation (chrony, ntp); block times never go back",
    ),
    "store": Words(
        "原文库可读", "the payload store can be read",
        "SQLite：从备份恢复；PostgreSQL：检查 database_url 与数据库服务",
        "SQLite: restore a backup; PostgreSQL: check database_url and the database server",
    ),
    "outbox": Words(
        "发件箱", "the outbox",
        "启动服务会继续发送；若长时间不动，查看日志中的 refused 与 retried",
        "starting the server goes on sending; when nothing moves, look for refused and retried in the log",
    ),
    "outbox-chain": Words(
        "发件箱、检查点与链一致", "outbox and checkpoints agree with the chain",
        "不要启动服务：库比链新，链被换成了旧的。用 `originseal restore --resume-sealing` 由副本补齐",
        "do not serve: the store is newer than the chain. Restore the two together, or catch up from a replica",
    ),
    "index": Words(
        "读模型", "the read model",
        "运行 `originseal rebuild-index --data DIR`；读模型可随时重建",
        "run `originseal rebuild-index --data DIR`; the read model can be made again at any time",
    ),
    "checkpoint": Words(
        "最新检查点", "the newest checkpoint",
        "下一次提交后会签发；若长期落后，查看服务日志",
        "the next submission signs one; look into the log if it stays behind",
    ),
    "witnesses": Words(
        "见证方会签", "the witnesses' co-signatures",
        "联系落后的见证方；达不到法定数时，核验者会拒绝新的证明包",
        "ask the witnesses that are behind; below the quorum verifiers refuse new bundles",
    ),
    "audit": Words(
        "最近一次审计", "the last audit",
        "运行 `originseal audit --data DIR`，按报告逐项处理",
        "run `originseal audit --data DIR` and go through its report",
    ),
    "backup": Words(
        "最近一次备份", "the last backup",
        "运行 `originseal backup --data DIR --to FILE`，并异地保存",
        "run `originseal backup --data DIR --to FILE` and keep it elsewhere",
    ),
    "restored": Words(
        "是否由备份恢复而暂停上链", "whether sealing is suspended after a restoration",
        "originseal restore --resume-sealing --data DIR --confirmed-head 副本地址",
        "originseal restore --resume-sealing --data DIR --confirmed-head ADDRESS-OF-A-REPLICA",
    ),
    "replica": Words(
        "副本的记录", "what the replica keeps",
        "被拒绝的区块或相互矛盾的检查点是证据：保留整个目录并联系运营方与监管机构",
        "refused blocks and contradicting checkpoints are evidence: keep the folder, tell operator and agencies",
    ),
    "port": Words(
        "端口空闲", "the port is free",
        "停止占用该端口的进程，或用 --port 指定另一个", "stop what holds the port, or choose another with --port",
    ),
}  # fmt: skip

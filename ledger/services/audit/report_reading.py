"""What every audit report explains to its reader: what an audit cannot show, how it works, what the terms mean.

Only texts, Chinese and English; the first list says the same as docs/audit.md, "What it cannot see".
"""

from __future__ import annotations

from ledger.services.audit.report_words import Text

LIMITS = (
    Text(
        "成员所说是否属实、货物本身如何：账本只证明谁在何时封存了什么。",
        "Whether what members said is true, and what the goods are: the ledger shows who sealed what and when.",
    ),
    Text(
        "持有运营方全部密钥、原文库和配置的人从某区块起整体重写的链。为此才有副本节点、见证方，以及他人保存的信任锚和"
        "旧检查点。",
        "A chain rewritten from some block on by somebody with all of the operator's keys, payload store and "
        "configuration. That is what replicas, witnesses and other people's copies of the anchors and of old "
        "checkpoints are for.",
    ),
    Text(
        "数据库文件中不承载任何值的字节（空闲页），其改动不影响任何结果。",
        "Bytes of the database files that hold no value (free pages): changing them changes no answer.",
    ),
    Text(
        "发件箱中被拒绝的提交的拒绝理由：链上没有记载。",
        "The reason noted for a refused submission in the outbox: it is nowhere on the chain.",
    ),
    Text(
        "信任锚文件中另列的检查点密钥：前任和会签机关由约定列入，链上没有记载。",
        "A further checkpoint key in the anchors file: predecessors and co-signing regulators are there by agreement, "
        "not on the chain.",
    ),
    Text(
        "尚在等待封存的提交的先后次序：对此尚无承诺。",
        "The order of submissions still waiting to be sealed: no promise was made about it yet.",
    ),
    Text(
        "依较早规则版本封存的比对结论：只计数，不重做。",
        "Matches sealed under an older version of the rules than this program applies: they are counted, not repeated.",
    ),
)
METHOD = (
    Text(
        "审计程序只读打开数据，从链文件取出每个区块的原始字节，自行计算其哈希、交易根与收据根，并核对与前一区块的链接"
        "；不采用服务器关于自身的任何说法。",
        "The program opens the data for reading only, takes each block's raw bytes, computes its hash, transaction "
        "root and receipt root itself and checks its link to the block before; it uses nothing that the server says "
        "about itself.",
    ),
    Text(
        "对每份提交，在作者当时登记的公钥下验证 SM2 签名，再由独立实现的第二套合约规则重新判定，并将由此得出的状态与合"
        "约的全部存储逐值比较。",
        "For every submission the SM2 signature is verified under the key registered for its author at that block; a "
        "second, independent implementation of the contracts' rules decides again, and the state that follows is "
        "compared with the contracts' whole storage, value by value.",
    ),
    Text(
        "对每条记录，解密原文，求规范形式与摘要，核对摘要是否在作者所签的根之下，并检查是否缺少或多出记录。",
        "Every record is decrypted, brought into canonical form and digested; the digest must lie under the root that "
        "its author signed, and no record may be missing or additional.",
    ),
    Text(
        "重做三单比对，核对每个检查点的签名与链，重新推算读模型并逐值比较。",
        "Matches of documents are repeated, the signature and content of every checkpoint are checked against the "
        "chain, and the read model is derived anew and compared value by value.",
    ),
    Text(
        "同一份数据上再次运行同一命令，得到相同的结论。",
        "Running the same command again over the same data gives the same answer.",
    ),
)
METHOD_INCREMENTAL = (
    Text(
        "先前审计在某一区块结束时的状态及其签名被当作起点；对此后的区块、对最新状态与各数据库，按以下方法检查。",
        "The state with which an earlier audit ended, signed by its auditor, is taken as given; blocks after it, the "
        "state at the head and the stores are checked as follows.",
    ),
    *METHOD,
)
METHOD_SAMPLE = (
    Text(
        "审计程序只读打开数据，核对全部区块头的哈希与链接、全部检查点的签名与内容；不采用服务器关于自身的任何说法。",
        "The program opens the data for reading only and checks the hash and link of all block headers and the "
        "signature and content of all checkpoints; it uses nothing that the server says about itself.",
    ),
    Text(
        "以种子随机抽取提交；对抽中的每份提交，在作者当时登记的公钥下验证 SM2 签名，并核对其每条记录的原文与所签摘要。",
        "Submissions are drawn at random from a seed; for each one drawn the SM2 signature is verified under the key "
        "registered for its author at that block, and the text of each of its records is compared with the signed "
        "digest.",
    ),
    Text(
        "同一种子抽中同一批提交，因此本次检查可以重复；种子应在审计之后才让运营方知道。",
        "The same seed draws the same submissions, so that this run can be repeated; the operator should learn it "
        "only after the audit.",
    ),
)
METHOD_REPLICA = METHOD[:2] + METHOD[4:]

GLOSSARY: tuple[tuple[Text, Text], ...] = (
    (
        Text("摘要（哈希）", "digest (hash)"),
        Text(
            "由内容算出的 32 字节数值，相当于指纹：内容改动一处，摘要即不同；由摘要不能还原内容。本账本使用 SM3（GB/T "
            "32905-2016）；以太坊格式的结构使用 Keccak-256。",
            "A number of 32 bytes computed from content, like a fingerprint: any change of the content changes it, "
            "and the content cannot be found from it. This ledger uses SM3 (GB/T 32905-2016); structures in "
            "Ethereum's format use Keccak-256.",
        ),
    ),
    (
        Text("数字签名 SM2", "digital signature SM2"),
        Text(
            "以私钥对摘要签署，任何人可用对应公钥验证，没有私钥不能作出（GB/T 32918.2-2016，摘要用 SM3）。可靠电子签名"
            "的法律效力依《电子签名法》判断。",
            "Made over a digest with a private key; anybody can verify it with the matching public key, nobody can "
            "make it without the private one (GB/T 32918.2-2016, with SM3 as digest). Its legal effect is a question "
            "of the Electronic Signature Law.",
        ),
    ),
    (
        Text("密钥标识", "key id"),
        Text(
            "公钥的 SM3 摘要（GB/T 32918.2 的 Z 值），写作 sm3:…，用来指称一把密钥。",
            "The SM3 digest of a public key (the value Z of GB/T 32918.2), written sm3:…; it names a key.",
        ),
    ),
    (
        Text("区块与链", "block and chain"),
        Text(
            "区块是一组交易及其结果的摘要，并写有前一区块的摘要。因此改动旧区块会使其后每个区块都不再相符。第一个区块"
            "称为创世区块。",
            "A block holds digests of transactions and their results, and the digest of the block before it. Changing "
            "an old block therefore makes every later one disagree. The first is called genesis.",
        ),
    ),
    (
        Text("提交与记录", "submission and record"),
        Text(
            "成员一次签署的一份或多份记录称为一份提交；一条记录是一份单证或一个事件。链上只有摘要，原文加密保存在运营"
            "方的原文库。",
            "What a member signs at one time is a submission of one or more records; a record is one document or "
            "event. The chain holds digests only; the texts are kept encrypted in the operator's payload store.",
        ),
    ),
    (
        Text("检查点", "checkpoint"),
        Text(
            "运营方对某一高度的区块哈希与状态的签名声明。保存它的人日后可以证明当时的链是什么样。",
            "The operator's signed statement of the block hash and state at some height. Whoever keeps one can show "
            "later what the chain was.",
        ),
    ),
    (
        Text("会签（见证）", "co-signature (witness)"),
        Text(
            "监管机关或其他见证方核对前后一致后，对同一检查点再作的签名；两种历史不能同时得到诚实见证方的会签。",
            "A further signature under the same checkpoint by a regulator or other witness, after checking that it "
            "continues the last one; two histories cannot both be co-signed by an honest witness.",
        ),
    ),
    (
        Text("信任锚", "trust anchors"),
        Text(
            "核验者从别处取得的小文件，写明是哪条链、哪些合约、哪些密钥；一切证明由此出发。",
            "A small file that a verifier got from elsewhere: which chain, contracts and keys. Every proof starts "
            "from it.",
        ),
    ),
    (
        Text("合约", "contract"),
        Text(
            "链上的程序，执行账本的规则：谁可以写、数量如何守恒、签名是否有效。",
            "A program on the chain that applies the ledger's rules: who may write, how quantities are conserved, "
            "whether a signature is valid.",
        ),
    ),
)

"""What docs/performance.md says besides figures."""

ABOUT = """# What it costs

Twoway beside what Debian 12 has: Postfix 3.7, Dovecot 2.3, OpenSMTPD 6.8, Exim 4.96, on the same machine, in the same hours. Medians, with the
least and the most of all rounds in parentheses where there is room. Written by

```sh
bench/run
```

which builds, unpacks the others, measures for an hour or two (the largest stores alone take half an hour each to be filled), and leaves
the raw figures in [performance/figures.json](performance/figures.json). `bench/run --page` writes the tables and plots of this page from them; what the
words between say, and the three tables of "Where the time goes", was found by hand, with the runs that they name. The machine: two cores of a
virtual machine that was shared with compilers all the while. So the rounds of all servers are interleaved; ratios and processor
time can be believed to a tenth or two, rates and times of the clock much less. What a machine of yours does, only a run there
tells."""

WHY = """What is missed, or nearly, and why:

- Accepting, a connection for each message: another nine rounds, within the hour, gave 5.7 times as many as Postfix (0.43 ms against 2.45), whose own
  figure moves between 1.7 and 2.7 ms. Earlier runs gave 4.5, 5.0, 4.9 and 4.8, with a build that was not optimised across crates; what
  packages install is, and takes a tenth less (0.43 ms against 0.48, medians of 12 rounds side by side). What reads each message once for
  searches and lists (its words, its structure, its first lines), within a second or two behind the 250, is counted, too, and takes a
  sixth of the processor time outside the store.
- The store's share: with kept connections nothing is left of a message but its content, its row and the journal. The rows and the journal
  are the store's; SQLite writes whole pages of 8 KiB, those of the indexes among them. The index for searches and lists adds
  three rows to a message's own two.
- One message alone, about as dear as Postfix's, now a little more and now a little less (another run, hours before and of the other build, gave 11.8 ms
  against 10.2): what a message costs is eight or nine commits instead of three syncs, hardly one of them shared with another message, and for
  one that nothing precedes two connections with a handshake each, where Postfix has one, and the questions to DNS by which an origin is
  believed. Among many messages all of this is shared, and the ratio turns round.
- Submit to visible: the largest part is a delay of 0 to 50 ms, drawn at random, between the notice and the decision, so that nobody
  can measure an allow list; half of them are no longer than 10. Four runs of nearly the same program, hours apart, gave 15.8, 20.9, 17.3 and 16.0 ms: in
  the second the machine was slower for everybody. What is left grows as soon as others want the processor: ten tasks of two servers
  wait for it one after the other."""

TOGETHER = """## Accepting

`smtp-source`, 32 sessions, 10 KiB, in the clear, into a mailbox on the same server. Everybody with default settings for what is
durable; ours says 250 when the message is in the mailbox, theirs when it is in the queue, and what is done behind the 250 counts
as well. The last row accepts and delivers to nobody.

![Processor for each message](performance/reception.svg)

OpenSMTPD and Exim had a tenth of the messages, for they take so long. OpenSMTPD asks the kernel to hold five new connections for it (`listen`
with a backlog of 5); of 32 that come at once the others are not answered, and each tries again after a second: its rate is that of those seconds, its
processor time is not touched by them. So it has a row with one session as well. Ours is counted until its index has read the messages,
too, a second or two behind the 250. Of octets to the disk, ours are written twice: to SQLite's
journal, and when that is full to the database."""

SUBMISSION = """## Submission

TLS and AUTH PLAIN, 32 sessions, 10 KiB, for a mailbox on the same server. Our password hash is Argon2, slow on purpose: it is the
last row. Postfix asks a program of the bench that compares words and costs it nothing."""

WALK = """## From one server to another

10 KiB, TLS on every hop, submitted at the first server and visible in a mailbox of the second. Ours logs in (once a session),
keeps the message, gives a notice; the other decides, retrieves, stores, confirms; the first deletes. Postfix takes the message
from a trusted network without a login, and sends it by SMTP to the other, which puts it into a Maildir. Processor time counts
until both servers are at rest.

Alone, most of the median is waited, not worked. Consent is decided after a random delay of up to 50 ms (half of them up to 10), so that the
time of a reply to a notice tells nothing of the allow list ([why](decisions/decision-delay.md)). The notice and the retrieval each have
a connection, which waits 3 s for what comes next, and every sync is made for this message alone. Among many messages that is shared."""

GROWTH = """## As the store grows

Two of ours. The origin's store holds so many other messages (1 KiB) that were noticed and wait; the destination's as many notices as contact attempts, and
ten times as many allow entries, over 2,000 accounts. All were written through the store's own methods (`bench fill`).

These figures are older than the others: of the profile `release`, and of a delay before the decision that was drawn evenly from 0 to 50 ms
(half of all are below 10 now): most of the time until one alone is there.

![What a message costs among what waits already](performance/growth.svg)"""

GROWN = """What processor a message takes does not grow with what waits, and the time until one alone is there hardly does. Sixteen sessions get less
through at the largest size: they wait for a disk that reads what no longer lies in memory. Of what people ask, only `queue summary` counts
every row."""

NOT_LARGEST = """**Not measured in this run:** 10^7 entries. With 10^6 notices they take 8 GiB, and half an hour to be written."""

NOTICES = """## Notices

Recorded durably and not decided: eight sessions of one origin, 500 in flight each, TLS 1.3, the client on the same two cores. The aim is 20,000
for a second of one core."""

MAILBOXES = """## Mailboxes by IMAP

One account over TLS with {count} messages in INBOX, beside Dovecot with Maildirs and its own defaults for syncs (a message is synced, flags and
indexes are not). Ours was filled by APPEND, Dovecot's by files. Both have answered everything once before the rounds, so that Dovecot's
index cache knows what is asked for; what the first time takes stands below. The client reads without looking at what it reads. Processor
time is the server's, and the clock has the client's and whatever else ran on the two cores in it."""

MAILBOXES_WHY = """What sorts and threads messages is read once for a mailbox, a row for each message, and then held in memory for all sessions until nobody has
used it for ten minutes: so the first SORT takes longer than those that follow. Words are looked for by the segments of the index, which a job
makes behind the reply: they say, of headers and of bodies apart, which messages can't have a word, and the texts of the others are looked at.
The word of subjects stands in those of one message in eleven, and in the bodies of nine in ten. The same job reads envelopes and structures out of
each message, once. What is copied is moved on from there and then expunged, so that each round finds what the one before it found; ours is
durable when it is answered. The memory is SQLite's cache of pages, for all accounts together, and what sorts messages.

In the run that is shown, eight others wanted each of the two cores. While the rows of the first time were measured, the scheduler gave our server up to
three times the share of Dovecot; the clock of those rows can be believed no further than that, and processor time as elsewhere."""

IDLE = """IDLE on connections of one account, all in TLS, all in INBOX. Memory is what the server's processes have allocated beyond what they had with ten
connections. Dovecot has a process for each connection; with `imap_hibernate_timeout` it ends while it waits, and what TLS needs stays. It had a hundred
connections: each process watches the mailbox by inotify, of which a user has 128 as this kernel is set. All are told of one message that is
appended, and the client looks at one after the other; Dovecot tells half a second later on purpose."""

HOW = """## Where the time goes

By `perf record`, in parts of a hundred of each server's processor time; sessions are everything outside the threads of the store
and TLS: SMTP, tokio, DNS, logs, sockets. The index is what reads messages for searches, outside the store; the first and the last row have it,
the others were recorded before there was one.

| | sessions, own code | sessions, kernel | TLS | logins | index | store, own code and SQLite | store, kernel |
|---|---|---|---|---|---|---|---|
| accepting, connections kept | 18 | 16 | 0 | 0 | 17 | 22 | 27 |
| one message every 150 ms, the first server | 22 | 19 | 3 | 4 | | 23 | 29 |
| one message every 150 ms, the second | 24 | 15 | 3 | 0 | | 26 | 32 |
| 16 sessions, the first server | 18 | 25 | 2 | 21 | | 20 | 15 |
| 16 sessions, the second | 28 | 13 | 2 | 0 | 4 | 36 | 20 |

Those of accepting were recorded before the last changes: commits are shared by more messages since, texts are folded and read once instead of twice, and
the list of who is let in is asked without a table of SQLite's own.

Octets of SQLite's journal for each message of 10 KiB, by what they are, in KiB, each page of it as often as it was written (16 sessions; an indexed text
and its mail are written once more to the database, as is the message at the first server until it is freed; recorded when the index still kept the
text of bodies that stand in the mail's row as they are):

| the first server | | the second | |
|---|---|---|---|
| the message: its row, and what does not fit beside it | 22 | notices: their rows | 16 |
| transfers: their rows | 11 | mail: its row, and what does not fit beside it | 13 |
| what of transfers is due | 5 | text of the index | 11 |
| all other indexes of both | 20 | what of notices is due | 5 |
| list of free pages | 3 | items, mailboxes, and all else | 12 |
| together, in 0.6 commits | 61 | together, in 0.36 commits | 56 |

A state that changes is a page of its table and one or two of its index, however few octets are new in them; a message changes its state four times
on either side. Among more sessions they share pages; alone each of the commits has its own.

What was found and removed, measured with one message every 150 ms:

| | before | after |
|---|---|---|
| processor of both servers, ms a message | 14.0 | 9.1 |
| connections between them, a message | 2.0 | 0.1 |
| system calls at the first server | 354 | 250 |
| ... at the second | 308 | 181 |

Most of it was the two connections, with their greetings, handshakes and questions to DNS; a session now waits 3 s for what comes next. The rest
were reads: each look for what is due was three transactions, each look-up of an address two, each on a thread of its own.
A message that nothing precedes for 3 s has its two connections as before: one every 4 s took 24.0 ms before and 21.0 after (a run
of 12 each), of which the login is 3, and the four seconds alone cost both servers about 5.

What is left: eight commits and a part of one for the index, of 9.4 before. Two that nobody waits for (a notice was taken; the origin knows) go with the next,
if one comes within 50 ms. Every operation of the store goes to its thread and back, and every commit makes its readers
read their pages again.

## How it is measured

- The others are unpacked from Debian's packages (`tests/peers`), with their defaults for everything about queues and syncs. Exim delivers
  all messages of a session at once (Debian's leaves those after the tenth to the queue). Ours is built as packages build it (the
  profile `dist`; the rows of a growing store and of mailboxes by IMAP are older, and of `release`, which takes a tenth more), with default
  settings, SQLite with `synchronous=FULL`, one line of log for each event; only limits for one client are lifted, from which Postfix
  exempts its own networks too.
- Processor time is `cpu.stat` of a cgroup for each server: user and kernel, all its processes, those that have ended included; read when the
  server has used nothing for half a second. The store's share is that of the threads that carry out its transactions.
- Memory is what the processes of that cgroup have allocated (`memory.stat`, pages of files left out), looked at every 20 ms.
- Octets to the disk: rounds of their own on an ext4 of the server's own on a loop device, whose counter is read when everything
  is synced and the server has stopped. The file system's journal is in it.
- Syncs (`fsync`, `fdatasync`, `sync_file_range`, `msync`, `sync`, `syncfs`) and connections: rounds of their own under strace. How
  long a message waited for syncs is the time between its 250 and the mailbox in which some sync of either server was under way.
- When a message is visible: the log line of the commit (ours), the time at which the file got its name in the Maildir (theirs).
- The floor of the machine: 4 KiB appended and synced, and a connection with a TLS handshake over loopback, each a hundred times a round."""

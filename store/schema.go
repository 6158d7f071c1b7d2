// Package store keeps everything that Parley keeps: it implements every storage port of package chat, once, over the
// ordered tables of package table. Which engine holds the tables is not its business.
//
// # Layout
//
// Three tables. They are the same on every engine, so that an export of one is an import of another.
//
//	messages: partition roomId, sort "entry"
//	  m#SEQ                  a message, as it is now            index userId-index: userId, messageId
//	  c#SEQ                  any other entry of the room's log
//
//	chat: partition "pk", sort "sk"
//	  room#ROOM   room            the room and the head of its log
//	  room#ROOM   member#USER     a membership
//	  room#ROOM   wide#SEQ        that a message mentions everybody (expires after NoticesFor)
//	  room#ROOM   level#USER      of what a member wants to be told
//	  room#ROOM   loud#USER       a member who wants to be told of everything
//	  user#USER   in#ROOM         the same membership, from the other side
//	  user#USER   read#ROOM       a read marker
//	  user#USER   level#ROOM      of what they want to be told, from the other side
//	  user#USER   note#MESSAGEID  a message that mentions or answers them (expires after NoticesFor)
//	  user#USER   rules           when and how they want to be told
//	  user#USER   account         the person and how they sign in
//	  user#USER   seen            when they were last connected
//	  user#USER   session#ID      a sign-in (expires)
//	  user#USER   invite#HASH     an invitation they made (expires)
//	  user#USER   push#ID         where a browser of theirs is reached by Web Push
//	  user#USER   file#FILE       a file they uploaded, and what it counts
//	  user#USER   files           how much they uploaded
//	  file#FILE   file            a file: where it belongs, what it is
//	  files       DUE#FILE        a file whose content is to be removed from DUE on, in milliseconds
//	  user#USER   reached#ROOM    up to where they were told of a room while away (expires)
//	  name#NAME   name            who has a username
//	  people      NAME            everybody, by username
//	  people#R    WORD#USER       who has a word in a name, by its first letter R
//	  public      NAMEKEY#ROOM    public rooms by folded name
//	  sent#ROOM#USER  CLIENTID    which message a clientMessageId made (expires after SentFor)
//	  once#KEY    once            a secret that works once (expires)
//	  invite#HASH invite          an invitation (expires)
//	  server      settings        the operator's choices
//	  server      first           marks that the first account was made
//	  server      key#ID          a signing key
//	  server      secret#NAME     a secret that the server made up for itself
//	  server      vapid           the key pair that push services know
//	  push        ID              who has a push subscription
//	  outbox      ROOM            from where on absent people are to be told of a room
//	  digest#ROOM BLOCK           what a search left behind of a block of a room's log, or that it has changed since
//	  purge       ROOM            a room whose remains are to be removed
//	  erase       USER            an account whose remains are to be removed, and what was removed so far
//
// Rows that only houses of many processes have, all of which may be lost:
//
//	connections: partition connectionId
//	  CONNECTION                  an open socket (expires)
//
//	chat:
//	  user#USER   here            the connections of a person (expires)
//	  user#USER   hears           until when their rooms are noted below (expires)
//	  audience#ROOM  #told        how far the room was told its log
//	  audience#ROOM  USER         a person who hears the room (expires)
//	  connected   USER            who has connections
//	  signal#CONNECTION  ID       a frame for a connection without a socket (expires)
//	  tally#KEY   tally           a number, for rate limits (expires)
//
// SEQ, DUE and BLOCK have sixteen digits, so that the order of the text is the order of the numbers. Ids never contain "#".
package store

import (
	"strconv"
	"time"

	"parley/store/table"
)

// Format is the version of the layout above. An engine refuses data of a newer one.
const Format = 1

// SentFor is how long a clientMessageId is remembered: an outbox may lie that long in a phone before it is sent again.
const SentFor = 7 * 24 * time.Hour

const (
	tMessages    = "messages"
	tChat        = "chat"
	tConnections = "connections"
	byUser       = "userId-index"
)

// Schemas are the tables to open an engine with.
func Schemas() []table.Schema {
	return []table.Schema{
		{Name: tMessages, Part: "roomId", Sort: "entry", Indexes: []table.Index{{Name: byUser, Part: "userId", Sort: "messageId"}}},
		{Name: tChat, Part: "pk", Sort: "sk"},
		{Name: tConnections, Part: "connectionId"},
	}
}

// Key builders, one for each row of the layout.

func roomKey(room string) table.Key { return table.Key{Part: "room#" + room, Sort: "room"} }
func memberKey(room, user string) table.Key {
	return table.Key{Part: "room#" + room, Sort: "member#" + user}
}
func inKey(user, room string) table.Key { return table.Key{Part: "user#" + user, Sort: "in#" + room} }
func readKey(user, room string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "read#" + room}
}
func wideKey(room string, seq int64) table.Key {
	return table.Key{Part: "room#" + room, Sort: "wide#" + padded(seq)}
}
func levelInKey(room, user string) table.Key {
	return table.Key{Part: "room#" + room, Sort: "level#" + user}
}
func loudKey(room, user string) table.Key {
	return table.Key{Part: "room#" + room, Sort: "loud#" + user}
}
func levelKey(user, room string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "level#" + room}
}
func noteKey(user, messageID string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "note#" + messageID}
}
func rulesKey(user string) table.Key   { return table.Key{Part: "user#" + user, Sort: "rules"} }
func accountKey(user string) table.Key { return table.Key{Part: "user#" + user, Sort: "account"} }
func seenKey(user string) table.Key    { return table.Key{Part: "user#" + user, Sort: "seen"} }
func sessionKey(user, id string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "session#" + id}
}
func fileKey(id string) table.Key         { return table.Key{Part: "file#" + id, Sort: "file"} }
func fileOfKey(user, id string) table.Key { return table.Key{Part: "user#" + user, Sort: "file#" + id} }
func usageKey(user string) table.Key      { return table.Key{Part: "user#" + user, Sort: "files"} }
func dueKey(at int64, id string) table.Key {
	return table.Key{Part: "files", Sort: padded(at) + "#" + id}
}
func nameKey(name string) table.Key   { return table.Key{Part: "name#" + name, Sort: "name"} }
func personKey(name string) table.Key { return table.Key{Part: "people", Sort: name} }
func publicKey(name, room string) table.Key {
	return table.Key{Part: "public", Sort: name + "#" + room}
}
func onceKey(key string) table.Key    { return table.Key{Part: "once#" + key, Sort: "once"} }
func inviteKey(hash string) table.Key { return table.Key{Part: "invite#" + hash, Sort: "invite"} }
func inviteByKey(user, hash string) table.Key {
	return table.Key{Part: "user#" + user, Sort: "invite#" + hash}
}
func settingsKey() table.Key         { return table.Key{Part: "server", Sort: "settings"} }
func firstKey() table.Key            { return table.Key{Part: "server", Sort: "first"} }
func signingKey(id string) table.Key { return table.Key{Part: "server", Sort: "key#" + id} }
func purgeKey(room string) table.Key { return table.Key{Part: "purge", Sort: room} }
func digestKey(room string, block int64) table.Key {
	return table.Key{Part: digestPart + room, Sort: padded(block)}
}
func hereKey(user string) table.Key  { return table.Key{Part: "user#" + user, Sort: "here"} }
func hearsKey(user string) table.Key { return table.Key{Part: "user#" + user, Sort: "hears"} }
func tallyKey(key string) table.Key  { return table.Key{Part: "tally#" + key, Sort: "tally"} }
func signalKey(connection, id string) table.Key {
	return table.Key{Part: "signal#" + connection, Sort: id}
}
func connectedKey(user string) table.Key {
	return table.Key{Part: "connected", Sort: user}
}
func audienceKey(room, user string) table.Key {
	return table.Key{Part: "audience#" + room, Sort: user}
}
func messageSort(seq int64) string    { return "m#" + padded(seq) }
func changeSort(seq int64) string     { return "c#" + padded(seq) }
func prefixEnd(prefix string) string  { return prefix + "\U0010ffff" } // after every key with the prefix
func secretKey(name string) table.Key { return table.Key{Part: "server", Sort: "secret#" + name} }
func sentKey(room, user, id string) table.Key {
	return table.Key{Part: "sent#" + room + "#" + user, Sort: id}
}

// digestPart is a partition of its own for each room: whole logs of digests are read at once, which must not be at the cost
// of those who write to the room.
const digestPart = "digest#"

// toldSort stands before every user id.
const toldSort = "#told"

func padded(seq int64) string {
	const zeros = "0000000000000000"
	s := strconv.FormatInt(max(seq, 0), 10)
	if len(s) >= len(zeros) {
		return s
	}
	return zeros[:len(zeros)-len(s)] + s
}

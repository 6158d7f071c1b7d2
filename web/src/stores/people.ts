import { defineStore } from 'pinia'
import { shallowReactive } from 'vue'
import type { Member, Presence, User } from '../protocol/types'
import { useServices } from '../services'
import { useConnection } from './connection'
import { useSession } from './session'

/** Someone who has not typed for this many milliseconds has stopped. */
const typingFor = 6_000
/** How often one's own typing is told. */
const tellEvery = 3_000

/** How many pages of people one search looks through. */
const searched = 4

/** Who people are, who is there, and who types. */
export const usePeople = defineStore('people', () => {
  const { routes, now } = useServices()
  const session = useSession()
  const users = shallowReactive(new Map<string, User>())
  const presence = shallowReactive(new Map<string, Presence>())
  /** Room to typing users to the timer that ends it. */
  const typists = shallowReactive(new Map<string, ReadonlyMap<string, ReturnType<typeof setTimeout>>>())
  const asked = new Set<string>()
  const told = new Map<string, number>()

  /** The person if known; asks the server for one who is not (the answer arrives reactively). */
  function user(userId: string): User | undefined {
    if (userId === session.userId) return session.user ?? undefined
    const known = users.get(userId)
    if (!known && userId && !asked.has(userId)) {
      asked.add(userId)
      routes.user(userId).then((found) => learn([found]), () => {
        // Asked again when seen again after a while; a person who is gone stays unknown.
        setTimeout(() => asked.delete(userId), 60_000)
      })
    }
    return known
  }

  /** The display name, or `fallback` (a message's username) until it is known. */
  function name(userId: string, fallback = ''): string {
    return user(userId)?.displayName || fallback
  }

  /** Takes in what an answer said of people. */
  function learn(found: readonly User[]): void {
    const news = found.filter((u) => !same(users.get(u.userId), u)).map(plain)
    for (const person of news) users.set(person.userId, person)
    if (news.length > 0) void session.storage?.saveUsers(news).catch(() => {})
  }

  function learnMembers(members: readonly Member[]): void {
    learn(members)
    for (const { userId, online, lastSeen } of members) presence.set(userId, { userId, online, lastSeen })
  }

  function setPresence(...all: Presence[]): void {
    for (const { userId, online, lastSeen } of all) presence.set(userId, { userId, online, lastSeen })
  }

  const online = (userId: string): boolean => presence.get(userId)?.online ?? false
  const lastSeen = (userId: string): number | undefined => presence.get(userId)?.lastSeen

  /** Users who type in a room now, oneself excluded. */
  function typing(roomId: string): string[] {
    return [...(typists.get(roomId)?.keys() ?? [])]
  }

  function startTyping(roomId: string, userId: string): void {
    if (userId === session.userId) return
    stopTyping(roomId, userId)
    const timer = setTimeout(() => stopTyping(roomId, userId), typingFor)
    typists.set(roomId, new Map(typists.get(roomId)).set(userId, timer))
  }

  function stopTyping(roomId: string, userId: string): void {
    const inRoom = typists.get(roomId)
    if (!inRoom?.has(userId)) return
    clearTimeout(inRoom.get(userId))
    const rest = new Map(inRoom)
    rest.delete(userId)
    typists.set(roomId, rest)
  }

  /** Says that one types; call on each keystroke, sent at most every 3 s. */
  function sayTyping(roomId: string): void {
    if (now() - (told.get(roomId) ?? 0) < tellEvery) return
    told.set(roomId, now())
    useConnection().post('typing', { roomId })
  }

  /** After one's message is sent, the next keystroke is told at once. */
  function doneTyping(roomId: string): void {
    told.delete(roomId)
  }

  /** Asks who of a room is online. */
  async function loadPresence(roomId: string): Promise<void> {
    setPresence(...(await routes.presence(roomId)).clients)
  }

  /** People whose names begin so, as the server knows them. */
  async function search(query: string): Promise<User[]> {
    let found = await routes.users(query)
    // A page may be empty although there is more.
    for (let page = 1; page < searched && !found.users.length && found.cursor; page++) found = await routes.users(query, found.cursor)
    learn(found.users)
    return found.users
  }

  async function hydrate(): Promise<void> {
    for (const person of (await session.storage?.users()) ?? []) users.set(person.userId, person)
  }

  function reset(): void {
    for (const inRoom of typists.values()) inRoom.forEach((timer) => clearTimeout(timer))
    typists.clear()
    users.clear()
    presence.clear()
    asked.clear()
    told.clear()
  }

  return {
    users, presence, user, name, online, lastSeen, typing, sayTyping, doneTyping, loadPresence, search,
    learn, learnMembers, setPresence, startTyping, stopTyping, hydrate, reset,
  }
})

function plain({ userId, username, displayName, avatarUrl, createdAt }: User): User {
  return { userId, username, displayName, createdAt, ...(avatarUrl && { avatarUrl }) }
}

function same(a: User | undefined, b: User): boolean {
  return a !== undefined && a.displayName === b.displayName && (a.avatarUrl ?? '') === (b.avatarUrl ?? '') && a.username === b.username
}

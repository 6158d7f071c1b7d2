import type { Locator } from '@playwright/test'
import type { Message } from '../src/protocol/types'
import { Chat } from './support/chat'
import { expect, type Page, test } from './support/test'

/** The browser's own view of the service worker of a page: what a push service would bring, DevTools delivers. */
async function pushes(page: Page, origin: string) {
  const session = await page.context().newCDPSession(page)
  const registration = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const found = registrations.find((each) => each.scopeURL === `${origin}/` && !each.isDeleted)
      if (found) resolve(found.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  const registrationId = await registration
  return (payload: unknown) => session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data: JSON.stringify(payload) })
}

const shown = (page: Page) => page.evaluate(async () => {
  const registration = await navigator.serviceWorker.ready
  return (await registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }))
})

test('a push is shown by the service worker, and a click on it opens the message', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const annex = await ben.createRoom('private', 'annex')
  await ben.add(annex.roomId, anna)
  const message = await ben.send(annex.roomId, 'Are you there, @anna?')
  for (let i = 0; i < 80; i++) await ben.send(annex.roomId, `and then ${i}`)
  const annas = new Chat(await world.open(anna, `/rooms/${harbour!.roomId}`))
  const { page } = annas
  const context = page.context()
  await context.grantPermissions(['notifications'], { origin: world.server.url })
  await annas.live()
  await page.evaluate(() => navigator.serviceWorker.ready)
  const deliver = await pushes(page, world.server.url)
  const push = (roomId: string, body: string) => ({
    web_push: 8030, kind: 'mention', roomId, messageId: message.messageId,
    notification: { title: 'Ben Okafor', body, navigate: `https://elsewhere.example/rooms/${roomId}?message=${message.messageId}`, tag: roomId, lang: 'en' },
  })

  await test.step('shown, the next one of a room in the place of the last', async () => {
    await deliver(push(annex.roomId, 'Are you there?'))
    await expect.poll(() => shown(page)).toEqual([{ title: 'Ben Okafor', body: 'Are you there?', tag: annex.roomId }])
    await deliver(push(annex.roomId, 'Hello?'))
    await expect.poll(() => shown(page)).toEqual([{ title: 'Ben Okafor', body: 'Hello?', tag: annex.roomId }])
  })
  await test.step('not shown: what one is looking at, and what is not from Parley', async () => {
    await page.bringToFront()
    await page.locator('body').focus()
    await deliver(push(harbour!.roomId, 'You see this anyway'))
    await deliver({ nothing: 'of ours' })
    await deliver(push(annex.roomId, 'The last'))
    await expect.poll(async () => (await shown(page)).map((each) => each.body)).toEqual(['The last'])
  })
  await test.step('a click brings the open window to the message', async () => {
    const [worker] = context.serviceWorkers()
    await worker!.evaluate(async () => {
      const scope = self as unknown as EventTarget & {
        registration: ServiceWorkerRegistration
        NotificationEvent: new (type: string, init: { notification: Notification | undefined }) => Event
      }
      const [notification] = await scope.registration.getNotifications()
      scope.dispatchEvent(new scope.NotificationEvent('notificationclick', { notification }))
    })
    await expect(page).toHaveURL(new RegExp(`/rooms/${annex.roomId}`))
    await expect(annas.message('Are you there, @anna?')).toBeInViewport()
    await expect.poll(() => shown(page)).toEqual([])
  })
})

test('a notification goes when its message was read on another device, and the badge of the app with it', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const annex = await ben.createRoom('private', 'annex')
  await ben.add(annex.roomId, anna)
  const first = await ben.send(annex.roomId, 'Are you there, @anna?')
  const second = await ben.send(annex.roomId, 'Hello, @anna?')
  const attic = await ben.createRoom('private', 'attic')
  await ben.add(attic.roomId, anna)
  const elsewhere = await ben.send(attic.roomId, 'Up here, @anna')
  const annas = new Chat(await world.open(anna, `/rooms/${harbour!.roomId}`))
  const { page } = annas
  await page.context().grantPermissions(['notifications'], { origin: world.server.url })
  await annas.live()
  await page.evaluate(() => navigator.serviceWorker.ready)
  const deliver = await pushes(page, world.server.url)
  const push = ({ roomId, messageId, seq }: Message, body: string, tag: string) => deliver({
    web_push: 8030, kind: 'mention', roomId, messageId, seq,
    notification: { title: 'Ben Okafor', body, navigate: `${world.server.url}/rooms/${roomId}?message=${messageId}`, tag, lang: 'en' },
  })
  // What the system would show on the icon.
  await page.evaluate(() => Object.assign(navigator, {
    setAppBadge: (count?: number) => { document.documentElement.dataset.badge = String(count); return Promise.resolve() },
    clearAppBadge: () => { document.documentElement.dataset.badge = 'none'; return Promise.resolve() },
  }))
  await push(elsewhere, 'Up here', attic.roomId)
  await push(second, 'Hello?', annex.roomId)
  await expect.poll(async () => (await shown(page)).map((each) => each.body).sort()).toEqual(['Hello?', 'Up here'])
  await annas.toRooms()
  await expect(annas.entry('annex')).toContainText('2 unread messages')

  // What is not read yet stays.
  await anna.markRead(annex.roomId, first.seq)
  await anna.markRead(attic.roomId, elsewhere.seq)
  await expect.poll(async () => (await shown(page)).map((each) => each.body)).toEqual(['Hello?'])
  await expect(annas.entry('annex')).toContainText('1 unread message')
  await expect(page.locator('html')).toHaveAttribute('data-badge', '1')

  await anna.markRead(annex.roomId, second.seq)
  await expect.poll(() => shown(page)).toEqual([])
  await expect(page.locator('html')).toHaveAttribute('data-badge', 'none')
})

test('notifications are turned on by a click only, and what stands in the way is said', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const page = await world.open(anna, '/settings')
  const section: Locator = page.getByRole('region', { name: 'Notifications on this device' })
  await expect(section.getByRole('button', { name: 'Turn on notifications' })).toBeVisible()
  expect(await page.evaluate(() => Notification.permission)).not.toBe('granted')
  await page.context().grantPermissions(['notifications'], { origin: world.server.url })
  await page.evaluate(() => navigator.serviceWorker.ready)
  world.expectTrouble(/push|registration/i)
  // This browser reaches no push service.
  await section.getByRole('button', { name: 'Turn on notifications' }).click()
  await expect(section.getByRole('alert')).toContainText('could not be registered')
})

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const binary = process.env.PARLEY_BIN ?? fileURLToPath(new URL('../../../bin/parley', import.meta.url))

/** Where people talk: one machine, or the AWS house (`make dev-aws`), which keeps nothing when it ends. */
export type House = 'machine' | 'aws'

/** More of its environment. */
export type Settings = Record<string, string>

/** One `parley serve` with its own data folder, or one AWS house. Its owner must `stop` it. */
export class Server {
  /** `http://127.0.0.1:PORT`; the same after a restart. */
  url = ''
  private child: ChildProcess | null = null
  private readonly log: string[] = []
  private readonly house: House
  private readonly data: string
  private readonly settings: Settings

  private constructor(house: House, data: string, settings: Settings) {
    this.house = house
    this.data = data
    this.settings = settings
  }

  static async start(house: House, settings: Settings): Promise<Server> {
    const server = new Server(house, await mkdtemp(join(tmpdir(), 'parley-e2e-')), settings)
    await server.run('127.0.0.1:0')
    return server
  }

  /** Ends the process as a power cut would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** Starts again on the same data and port. */
  async restart(): Promise<void> {
    await this.run(new URL(this.url).host)
  }

  /** Ends the process in good order and removes its data; a bad exit is an error. */
  async stop(): Promise<void> {
    try {
      const code = await this.end('SIGTERM')
      if (code !== null && code !== 0) throw new Error(`the server ended with ${code}:\n${this.log.slice(-20).join('\n')}`)
    } finally {
      await rm(this.data, { recursive: true, force: true })
    }
  }

  private async run(listen: string): Promise<void> {
    const [program, args] = this.house === 'aws'
      ? [join(dirname(binary), 'devaws'), ['--listen', listen, '--functions', join(dirname(binary), 'functions')]]
      : [binary, ['serve', '--listen', listen, '--data', this.data, '--log-format', 'json']]
    const child = spawn(program, args, {
      env: { ...process.env, PARLEY_LIMITS: 'off', PARLEY_DRAIN_FOR: '3s', ...this.settings },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.child = child
    const lines = createInterface({ input: child.stderr })
    await new Promise<void>((listening, failed) => {
      lines.on('line', (line) => {
        this.log.push(line)
        const entry = parse(line)
        if (entry.msg !== 'listening') return
        this.url = `http://${entry.address}`
        listening()
      })
      child.once('error', failed)
      child.once('exit', (code) => failed(new Error(`the server ended with ${code} before it listened:\n${this.log.join('\n')}`)))
    })
  }

  private async end(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = this
    this.child = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill(signal)
    return ended
  }
}

function parse(line: string): { msg?: string; address?: string } {
  try {
    return JSON.parse(line) as { msg?: string; address?: string }
  } catch {
    return {}
  }
}

# Parley on AWS, put together: six functions of one artifact, three tables, two queues and what a stream gives up, two
# buckets, two APIs, one distribution. Nothing here has a price while nobody is there; see docs/deploy-aws.md.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  prefix   = "${var.name}-${var.environment}-"
  region   = data.aws_region.current.region
  account  = data.aws_caller_identity.current.account_id
  log_days = 14
  cognito  = var.identity == "cognito"
}

module "messages" {
  source = "../table"

  name                = "${local.prefix}messages"
  hash_key            = "roomId"
  range_key           = "entry"
  indexes             = { userId-index = { hash_key = "userId", range_key = "messageId" } }
  stream              = true
  deletion_protection = var.protect
}

module "chat" {
  source = "../table"

  name                = "${local.prefix}chat"
  hash_key            = "pk"
  range_key           = "sk"
  deletion_protection = var.protect
}

module "connections" {
  source = "../table"

  name                = "${local.prefix}connections"
  hash_key            = "connectionId"
  deletion_protection = false # it holds nothing that lasts longer than a socket
}

# Chunks of a large room's fan-out, in the room's order.
module "fanout_queue" {
  source = "../queue"

  name               = "${local.prefix}fanout"
  fifo               = true
  visibility_timeout = 6 * var.functions.fanout.timeout
}

# People who are away and must be told.
module "notify_queue" {
  source = "../queue"

  name               = "${local.prefix}notify"
  visibility_timeout = 6 * var.functions.notify.timeout
}

# What the stream's function could not do.
module "stream_queue" {
  source = "../queue"

  name      = "${local.prefix}stream"
  dead_only = true
}

module "files" {
  source = "../bucket"

  name           = "${local.prefix}files-${local.account}"
  force_destroy  = !var.protect
  versioned      = true
  upload_origins = [module.cdn.url]
  expire         = { "exports/" = 1 } # also removed by maintain
}

module "app" {
  source = "../bucket"

  name              = "${local.prefix}app-${local.account}"
  force_destroy     = true # it is built anew from the source
  versioned         = false
  distribution_arns = [module.cdn.arn]
}

module "identity" {
  source = "../identity"
  count  = local.cognito ? 1 : 0

  prefix              = local.prefix
  deletion_protection = var.protect
}

resource "random_password" "origin" {
  length  = 40
  special = false
}

module "gateway" {
  source = "../gateway"

  prefix          = local.prefix
  socket_function = module.function["socket"]
  http_function   = module.function["http"]
  rate            = var.rate
  burst           = var.burst
  log_days        = local.log_days
}

module "cdn" {
  source = "../cdn"

  prefix          = local.prefix
  app_bucket_host = module.app.domain_name
  files_host      = module.files.domain_name
  http_host       = module.gateway.http_host
  socket_host     = module.gateway.socket_host
  origin_secret   = random_password.origin.result
  price_class     = var.price_class
  domain          = var.domain
  waf             = var.waf
}

module "watch" {
  source = "../watch"

  prefix      = local.prefix
  account_id  = local.account
  functions   = { for name, f in module.function : name => f.name }
  queues      = { fanout = module.fanout_queue.name, notify = module.notify_queue.name }
  dead_queues = { fanout = module.fanout_queue.dead_name, notify = module.notify_queue.dead_name, stream = module.stream_queue.dead_name }
  tables      = [module.messages.name, module.chat.name, module.connections.name]
  alarms      = var.alarms
  email       = var.alarm_email
  p99_ms      = var.p99_ms
  budget      = var.budget
}

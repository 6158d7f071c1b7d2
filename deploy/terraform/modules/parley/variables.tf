variable "name" {
  description = "Begins the names of everything, with the environment."
  type        = string
  default     = "parley"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "A name has 2 to 16 of a-z 0-9, a letter first."
  }
}

variable "environment" {
  description = "Which of several Parleys this is, such as dev or prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "An environment has 2 to 10 of a-z 0-9, a letter first."
  }
}

variable "artifact" {
  description = "Path of the zip that make lambda leaves."
  type        = string
}

variable "protect" {
  description = "Whether tables and pool refuse to be deleted, and the files' bucket while there is anything in it."
  type        = bool
}

variable "identity" {
  description = "Who keeps the accounts: local (in the chat's own table) or cognito."
  type        = string
  default     = "cognito"

  validation {
    condition     = contains(["local", "cognito"], var.identity)
    error_message = "Accounts are kept by local or cognito."
  }
}

variable "registration" {
  description = "Who may make an account: open, invite or closed."
  type        = string
  default     = "invite"

  validation {
    condition     = contains(["open", "invite", "closed"], var.registration)
    error_message = "Registration is open, invite or closed."
  }
}

variable "functions" {
  description = "Memory in MB, timeout in seconds and reserved concurrency (-1: none) of each function."
  type = object({
    socket   = optional(object({ memory = optional(number, 512), timeout = optional(number, 29), concurrency = optional(number, -1) }), {})
    http     = optional(object({ memory = optional(number, 1024), timeout = optional(number, 29), concurrency = optional(number, -1) }), {})
    fanout   = optional(object({ memory = optional(number, 512), timeout = optional(number, 60), concurrency = optional(number, -1) }), {})
    stream   = optional(object({ memory = optional(number, 256), timeout = optional(number, 60), concurrency = optional(number, -1) }), {})
    notify   = optional(object({ memory = optional(number, 256), timeout = optional(number, 60), concurrency = optional(number, -1) }), {})
    maintain = optional(object({ memory = optional(number, 256), timeout = optional(number, 300), concurrency = optional(number, -1) }), {})
  })
  default = {}
}

variable "queue_concurrency" {
  description = "Calls at once that each queue may cause."
  type        = number
  default     = 20

  validation {
    condition     = var.queue_concurrency >= 2 && var.queue_concurrency <= 1000
    error_message = "A queue causes 2 to 1000 calls at once."
  }
}

variable "maintain_schedule" {
  description = "How often what is over is removed."
  type        = string
  default     = "rate(15 minutes)"

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.maintain_schedule))
    error_message = "A schedule is rate(...) or cron(...)."
  }
}

variable "rate" {
  description = "Requests a second that each API takes, on average."
  type        = number
  default     = 500
}

variable "burst" {
  description = "Requests that each API takes at once."
  type        = number
  default     = 1000
}

variable "tracing" {
  description = "Whether X-Ray traces calls."
  type        = bool
  default     = true
}

variable "price_class" {
  description = "Which of CloudFront's places are used."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "A price class is PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "domain" {
  description = "A name of one's own and the Route 53 zone it is in; null for CloudFront's."
  type = object({
    name    = string
    zone_id = string
  })
  default = null
}

variable "waf" {
  description = "Whether a firewall stands in front; it costs some 7 dollars a month."
  type        = bool
  default     = false
}

variable "alarms" {
  description = "Whether there are alarms. Ten are free in an account."
  type        = bool
  default     = true
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget; null for nobody by e-mail."
  type        = string
  default     = null
}

variable "p99_ms" {
  description = "Milliseconds from which the slowest hundredth of calls raises an alarm."
  type        = number
  default     = 3000
}

variable "budget" {
  description = "US dollars a month of the account of which somebody is warned."
  type        = number
  default     = 20
}

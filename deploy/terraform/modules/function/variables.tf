variable "name" {
  description = "Name of the function and of its role."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "A function's name has 1 to 64 of A-Z a-z 0-9 _ -"
  }
}

variable "description" {
  description = "What the function is for."
  type        = string
}

variable "artifact" {
  description = "Path of the zip with bootstrap in it."
  type        = string
}

variable "environment" {
  description = "Environment of the function."
  type        = map(string)
}

variable "statements" {
  description = "What the function may do: exact actions on exact resources."
  type = list(object({
    actions   = list(string)
    resources = list(string)
  }))

  validation {
    condition     = alltrue([for a in flatten(var.statements[*].actions) : can(regex("^[a-z0-9-]+:[A-Za-z]+$", a))])
    error_message = "Actions are named one by one, without wildcards."
  }

  validation {
    # ListStreams has no resources to name (Service Authorization Reference: only "*").
    condition     = alltrue([for s in var.statements : !contains(s.resources, "*") || s.actions == tolist(["dynamodb:ListStreams"])])
    error_message = "Resources are named by their ARN; only dynamodb:ListStreams has none."
  }
}

variable "memory" {
  description = "Megabytes of memory; processors come with it (1,769 MB: one)."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240
    error_message = "A function has 128 to 10240 MB."
  }
}

variable "timeout" {
  description = "Seconds that one call may take."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "A call takes 1 to 900 seconds."
  }
}

variable "concurrency" {
  description = "Calls at once kept for this function; -1 for what the account has."
  type        = number
  default     = -1
}

variable "tracing" {
  description = "Whether X-Ray traces calls."
  type        = bool
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
}

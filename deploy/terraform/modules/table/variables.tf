variable "name" {
  description = "Name of the table."
  type        = string
}

variable "hash_key" {
  description = "Partition key, a string."
  type        = string
}

variable "range_key" {
  description = "Sort key, a string; null for none."
  type        = string
  default     = null
}

variable "indexes" {
  description = "Global secondary indexes of whole items, by name."
  type = map(object({
    hash_key  = string
    range_key = optional(string)
  }))
  default = {}
}

variable "stream" {
  description = "Whether changes are streamed, as new images."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
}

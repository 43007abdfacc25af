#include "reference_table.h"

#include <string.h>

namespace netmux {

namespace {

bool inspect(napi_env env, napi_value buffer, const uint8_t** bytes, size_t* length) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, buffer, &type, length, &data, nullptr, nullptr) != napi_ok) return false;
  *bytes = static_cast<const uint8_t*>(data);
  return true;
}

}  // namespace

int64_t ReferenceTable::add(napi_env env, napi_value buffer) {
  if (first_free_ == kNone && !grow()) return -1;
  const uint32_t number = first_free_;
  Entry& entry = entries_[number];
  const uint32_t next = entry.next_free;
  if (!inspect(env, buffer, &entry.bytes, &entry.length)) return -1;
  if (napi_create_reference(env, buffer, 1, &entry.reference) != napi_ok) {
    entry.reference = nullptr;
    return -1;
  }
  first_free_ = next;
  return number;
}

napi_value ReferenceTable::get(napi_env env, uint32_t number) const {
  if (number >= capacity_ || entries_[number].reference == nullptr) return nullptr;
  napi_value buffer = nullptr;
  if (napi_get_reference_value(env, entries_[number].reference, &buffer) != napi_ok) return nullptr;
  return buffer;
}

bool ReferenceTable::resolve(napi_env env, uint32_t number, const uint8_t** bytes, size_t* length) const {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  napi_value buffer = get(env, number);
  const bool same = buffer != nullptr && inspect(env, buffer, bytes, length) && *bytes == entries_[number].bytes &&
                    *length == entries_[number].length;
  napi_close_handle_scope(env, scope);
  return same;
}

void ReferenceTable::remove(napi_env env, uint32_t number) {
  if (number >= capacity_ || entries_[number].reference == nullptr) return;
  napi_delete_reference(env, entries_[number].reference);
  entries_[number].reference = nullptr;
  entries_[number].next_free = first_free_;
  first_free_ = number;
}

void ReferenceTable::clear(napi_env env) {
  for (uint32_t number = 0; number < capacity_; number += 1) remove(env, number);
}

bool ReferenceTable::grow() {
  const uint32_t capacity = capacity_ == 0 ? 64 : 2 * capacity_;
  auto* entries = static_cast<Entry*>(allocator_.allocate(capacity * sizeof(Entry)));
  if (entries == nullptr) return false;
  if (entries_ != nullptr) memcpy(entries, entries_, capacity_ * sizeof(Entry));
  for (uint32_t number = capacity_; number < capacity; number += 1) {
    entries[number] = {nullptr, nullptr, 0, number + 1 < capacity ? number + 1 : first_free_};
  }
  first_free_ = capacity_;
  allocator_.release(entries_);
  entries_ = entries;
  capacity_ = capacity;
  return true;
}

}  // namespace netmux

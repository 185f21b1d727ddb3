#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <string_view>

#include "tests/temporary_directory.h"

namespace attune {

/// A directory of its own for each test, removed behind it.
class TempFilesTest : public ::testing::Test {
 protected:
  std::string Path(std::string_view name) const {
    return directory_.File(name);
  }

  std::string WriteFile(std::string_view name, std::string_view content) const {
    return directory_.Write(name, content);
  }

  static std::string ReadFile(const std::string& path) {
    return TemporaryDirectory::Read(path);
  }

  static std::string Gzip(std::string_view content) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, 0), Z_OK);
    std::string out(deflateBound(&stream, content.size()) + 64, '\0');
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  }

  const std::string& directory() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

}  // namespace attune

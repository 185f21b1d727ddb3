# Runs examples/host on a copy of a database, since it writes there, and a model:
# HOST, LIBRARY, DATABASE, MODEL, WORK_DIR.
file(REMOVE_RECURSE "${WORK_DIR}")
file(MAKE_DIRECTORY "${WORK_DIR}")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_directory "${DATABASE}"
  "${WORK_DIR}/db" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${HOST}" "${LIBRARY}" "${WORK_DIR}/db" "${MODEL}"
  COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE "${WORK_DIR}")

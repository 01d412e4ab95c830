using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModuleController.Protocol.V1;

namespace ModuleController.Agent.Journal;

/// <summary>
/// The agent's state on disk, append-only. When <see cref="Append"/> returns, its records are on the disk. One process at a time can open
/// it. An incomplete last line was never acknowledged and is removed when the file is opened. An unreadable line is skipped: the list of
/// biz corrects the state.
/// </summary>
public sealed class CommandJournal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly FileStream _lock;
    private readonly ILogger _log;
    private readonly long _compactAbove;
    private readonly JournalSync _sync;
    private SafeFileHandle _file;
    private long _length;
    private long _lengthAfterCompaction;
    private bool _isFolderSynced = true;
    private volatile JournalState _state;

    private CommandJournal(string folder, ILogger log, long compactAbove, JournalSync sync)
    {
        (_path, _log, _compactAbove, _sync) = (Path.Combine(folder, "journal"), log, compactAbove, sync);
        _lock = TakeLock(Path.Combine(folder, "journal.lock"));
        _file = File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var bytes = new byte[RandomAccess.GetLength(_file)];
        var read = 0;
        while (read < bytes.Length && RandomAccess.Read(_file, bytes.AsSpan(read), read) is var count and > 0) read += count;

        var records = new List<JournalRecord>();
        var skipped = new List<long>();
        _length = JournalLine.Decode(bytes.AsSpan(0, read), records, skipped);
        foreach (var position in skipped) log.JournalLineSkipped(_path, position);
        _lengthAfterCompaction = _length;
        _state = records.Aggregate(JournalState.Empty, (state, record) => state.Apply(record));
        if (_length == bytes.Length) return;

        log.JournalTruncated(_path, bytes.Length - _length);
        RandomAccess.SetLength(_file, _length);
        _sync.File(_file);
    }

    /// <summary>The state after all records.</summary>
    public JournalState State => _state;

    /// <summary>Throws <see cref="IOException"/> if another agent has the journal open.</summary>
    public static CommandJournal Open(string folder, ILogger log, long compactAbove = 1024 * 1024, JournalSync? sync = null)
    {
        Directory.CreateDirectory(folder);
        return new CommandJournal(folder, log, compactAbove, sync ?? JournalSync.Disk);
    }

    /// <summary>The result of a command of this base life, marked as repeated; null: it was not executed.</summary>
    public CommandResult? FindResult(string commandId)
    {
        if (!_state.Results.TryGetValue(commandId, out var finished)) return null;
        var result = CommandResult.Parser.ParseFrom(finished.Result);
        result.Repeated = true;
        return result;
    }

    /// <summary>Writes all records together and waits for the disk. After an exception, none of them is in the state.</summary>
    public void Append(params ReadOnlySpan<JournalRecord> records)
    {
        if (records.IsEmpty) return;
        using var buffer = new MemoryStream();
        // I/O under the lock: the order of records on the disk must be that of the state.
        lock (_gate)
        {
            var state = _state;
            foreach (var record in records)
            {
                state = state.Apply(record);
                buffer.Write(JournalLine.Encode(record));
            }

            SyncFolder();
            try
            {
                RandomAccess.Write(_file, buffer.GetBuffer().AsSpan(0, (int)buffer.Length), _length);
                _sync.File(_file);
            }
            catch (IOException)
            {
                // An incomplete line must not stay in front of the next record.
                RandomAccess.SetLength(_file, _length);
                throw;
            }

            _length += buffer.Length;
            _state = state;
            if (_length > _compactAbove && _length > 2 * _lengthAfterCompaction) Compact();
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }

    private static FileStream TakeLock(string path)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException($"{path} is held by another agent process: {e.Message}", e);
        }
    }

    /// <summary>Writes a new file, syncs it and renames it, so the journal's name always leads to a complete file.</summary>
    private void Compact()
    {
        var temporary = _path + ".new";
        SafeFileHandle? renewed = null;
        try
        {
            renewed = File.OpenHandle(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
            using var buffer = new MemoryStream();
            foreach (var record in _state.ToRecords()) buffer.Write(JournalLine.Encode(record));
            RandomAccess.Write(renewed, buffer.GetBuffer().AsSpan(0, (int)buffer.Length), 0);
            _sync.File(renewed);
            File.Move(temporary, _path, overwrite: true);
            // The name now leads to the new file, even if the sync of the folder fails.
            _isFolderSynced = false;
            _file.Dispose();
            _file = renewed;
            _length = buffer.Length;
            _lengthAfterCompaction = _length;
            SyncFolder();
        }
        catch (IOException e)
        {
            // Before the rename, the old file is complete and stays in use. The next attempt is when it has doubled.
            if (renewed != _file) renewed?.Dispose();
            _lengthAfterCompaction = _length;
            _log.JournalNotCompacted(_path, e);
        }
    }

    /// <summary>After a power failure the name could lead to the old file, so nothing is acknowledged before this succeeds.</summary>
    private void SyncFolder()
    {
        if (_isFolderSynced) return;
        _sync.Folder(Path.GetDirectoryName(_path)!);
        _isFolderSynced = true;
    }
}

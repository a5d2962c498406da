# Answers one line of JSON to each line of JSON; nothing that it reads is run.
$ErrorActionPreference = 'Stop'
$utf8 = New-Object System.Text.UTF8Encoding $false
[Console]::InputEncoding = $utf8
[Console]::OutputEncoding = $utf8
Add-Type -AssemblyName System.Runtime.WindowsRuntime
$managerType = [Windows.Media.Control.GlobalSystemMediaTransportControlsSessionManager, Windows.Media.Control, ContentType = WindowsRuntime]
$aboutType = [Windows.Media.Control.GlobalSystemMediaTransportControlsSessionMediaProperties, Windows.Media.Control, ContentType = WindowsRuntime]
$asTask = ([System.WindowsRuntimeSystemExtensions].GetMethods() | Where-Object {
  $_.Name -eq 'AsTask' -and $_.GetParameters().Count -eq 1 -and
  $_.GetParameters()[0].ParameterType.Name -eq 'IAsyncOperation`1'
})[0]
function Await($operation, $type) {
  $task = $asTask.MakeGenericMethod($type).Invoke($null, @($operation))
  if (-not $task.Wait(3000)) { throw 'no answer' }
  $task.Result
}
$manager = Await ($managerType::RequestAsync()) $managerType
function Look($session) {
  $info = $session.GetPlaybackInfo()
  $line = $session.GetTimelineProperties()
  $about = Await ($session.TryGetMediaPropertiesAsync()) $aboutType
  @{
    id = $session.SourceAppUserModelId
    state = "$($info.PlaybackStatus)"
    kind = "$($info.PlaybackType)"
    next = [bool]$info.Controls.IsNextEnabled
    title = $about.Title
    artist = $about.Artist
    duration = ($line.EndTime - $line.StartTime).TotalSeconds
    position = ($line.Position - $line.StartTime).TotalSeconds
    age = ([DateTimeOffset]::Now - $line.LastUpdatedTime).TotalSeconds
  }
}
while ($null -ne ($text = [Console]::In.ReadLine())) {
  try {
    $asked = $text | ConvertFrom-Json
    $told = $true
    if ($asked.verb -eq 'list') {
      $told = @($manager.GetSessions() | ForEach-Object { Look $_ })
    } else {
      $session = $manager.GetSessions() | Where-Object { $_.SourceAppUserModelId -eq $asked.id } | Select-Object -First 1
      if ($null -eq $session) { throw 'closed' }
      switch ($asked.verb) {
        'pause' { $told = Await ($session.TryPauseAsync()) ([bool]) }
        'resume' { $told = Await ($session.TryPlayAsync()) ([bool]) }
        'next' { $told = Await ($session.TrySkipNextAsync()) ([bool]) }
      }
    }
    $answer = @{ told = $told }
  } catch {
    $answer = @{ problem = "$_" }
  }
  [Console]::Out.WriteLine((ConvertTo-Json -Compress -Depth 4 -InputObject $answer))
  [Console]::Out.Flush()
}
